type Environment = Readonly<Record<string, string | undefined>>;

/** So that a person who watches sees every job within a minute or two. What the environment says goes before it. */
const WATCHED: Environment = {
  PLAN_REFRESHES_SCHEDULE: '*/5 * * * * *',
  SWEEP_SCHEDULE: '45 * * * * *',
  SWEEP_SESSIONS_MINUTES: '1',
};

/** Short lives call for a short way: a refresh goes through the queue if two seconds suffice. */
const LOCAL: Environment = { REFRESH_QUEUE_LATENCY_SECONDS: '2' };

/** The environment of the web app and of the functions host. */
export function stackEnvironment(own: Environment, services: Environment, mode: 'watched' | 'once'): Environment {
  return { ...(mode === 'watched' ? WATCHED : {}), ...LOCAL, ...own, ...services };
}
