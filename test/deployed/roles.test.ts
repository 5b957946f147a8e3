import { clientGrants, mayDo, type Operation } from './roles';

const account = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a';
const vault = '/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v';
const journal = `${account}/queueServices/default/queues/write-behind`;
const grants = clientGrants('web', account, vault);

const asked = (service: Operation['service'], method: string, target: string, path = '/write-behind'): Operation => ({
  ...{ service, method, target, path },
});

test.each([
  ['appends to the journal', asked('queue', 'POST', journal, '/write-behind/messages'), true],
  ['sees its length', asked('queue', 'GET', journal), true],
  ['takes nothing off it', asked('queue', 'DELETE', journal, '/write-behind/messages/1'), false],
  ['makes no queue', asked('queue', 'PUT', journal), false],
  ['appends to no other queue', asked('queue', 'POST', `${journal}-poison`, '/write-behind-poison/messages'), false],
  ['puts a large value', asked('blob', 'PUT', `${account}/blobServices/default/containers/steward-claims`), true],
  ['puts none elsewhere', asked('blob', 'PUT', `${account}/blobServices/default/containers/app-package`), false],
  ['reads no table', asked('table', 'GET', `${account}/tableServices/default/tables/x`), false],
  ['reads a secret', asked('vault', 'GET', vault, '/secrets/session-secret'), true],
  ['sets none', asked('vault', 'PUT', vault, '/secrets/session-secret'), false],
])('a web app %s', (_, operation, may) => {
  expect(mayDo(grants, 'web', operation)).toBe(may);
  expect(mayDo(grants, 'another', operation)).toBe(false);
});
