/** What one run of a job says of itself. The functions log it; `npm start` prints it; the samples count it. */
export interface JobReport {
  /** One short sentence: what was done. */
  readonly summary: string;
  /** Numbers by name, the unit in the name (`rows`, `lagMs`, `behindMessages`). */
  readonly figures: Readonly<Record<string, number>>;
}
