import { createEntities } from './entities';
import { registerJobs } from './functions';

registerJobs({ entities: createEntities });
