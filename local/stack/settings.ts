type Environment = Readonly<Record<string, string | undefined>>;

/** So that a person who watches sees every job within a minute or two. What the environment says goes before it. */
const WATCHED: Environment = {
  PLAN_REFRESHES_SCHEDULE: '*/5 * * * * *',
  SWEEP_SCHEDULE: '45 * * * * *',
  SWEEP_SESSIONS_MINUTES: '1',
};

/**
 * Short lives call for a short way and for many refreshes: one goes through the queue if two seconds suffice. And with
 * servers, jobs, web app and visitors on one machine, an answer may well take longer than it would in production.
 */
const LOCAL: Environment = {
  REFRESH_QUEUE_LATENCY_SECONDS: '2',
  REFRESH_BUDGET_PER_MINUTE: '10000',
  REDIS_DEADLINE_MS: '2000',
};

/**
 * The environment of the web app and of the functions host: what makes the stack worth watching, one's own environment,
 * and where the services listen, each over the one before.
 */
export function stackEnvironment(own: Environment, services: Environment, mode: 'watched' | 'once'): Environment {
  return { ...LOCAL, ...(mode === 'watched' ? WATCHED : {}), ...own, ...services };
}
