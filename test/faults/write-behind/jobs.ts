import { registerJobs } from '../../../src/functions';
import { faultEntities } from './entities';

// The functions app of the run: all jobs, as a team with entities of its own registers them.
registerJobs({ entities: faultEntities });
