/** What a store or a journal of your own must pass, as cases for any test runner. */
export {
  type ConformanceCase,
  entityStoreConformance,
  type StoreConformanceOptions,
} from './entities/store-conformance';
export { journalConformance } from './write-behind/journal/journal-conformance';
