import type { Page } from '../ports';

/** One page of a walk: from `cursor`, about `count` keys. */
export type Pager<P> = (cursor: string, count: number) => Promise<Page<P>>;
