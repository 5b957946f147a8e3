/** One read on its way. Exactly one of the two is called. */
export interface Read {
  readonly key: string;
  readonly physical: string;
  /** Of the physical key, what its slot is of. */
  readonly hashTag: string;
  /** When it was sent, by performance.now(); set by the reader. */
  sentAt: number;
  /** On a cluster, where reads are answered one by one: it has been told. Set by the reader. */
  settled: boolean;
  /** `at`: local time of the answer, in ms; reads that were answered together share it. */
  answered(raw: string | null, at: number): void;
  failed(error: unknown): void;
}
