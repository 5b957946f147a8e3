import type session from 'express-session';
import { missing } from '../../optional-packages';

/** The package express-session, loaded at first use: who has no Express app needs none of it. */
export function expressSession(): typeof session {
  try {
    return require('express-session') as typeof session;
  } catch (error) {
    return missing('express-session@1', 'Sessions of an Express app')(error);
  }
}
