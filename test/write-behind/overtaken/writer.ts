import { createClient } from '../../../src/client';
import { createEntities } from '../../../src/entities';
import { silentLogger } from '../../../src/logger';

/** A web process: so many callers write so many keys, and then it closes. Its settings are its environment. */
const [writes, callers] = process.argv.slice(2).map(Number) as [number, number];
const client = createClient({ entities: createEntities, logger: silentLogger });
let next = 0;
const caller = async () => {
  for (let n = next++; n < writes; n = next++) await client.cache.writeBehind(`user:profile:${n}`, { n });
};
void Promise.all(Array.from({ length: callers }, caller))
  .then(() => client.close())
  .then(() => process.exit(0));
