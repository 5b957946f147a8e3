import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { makeStringsFast } from '../../src/redis';

test('methods of texts are as fast as before ioredis was there', () => {
  setFlagsFromString('--allow-natives-syntax');
  const forms = runInNewContext(`
    const forms = [];
    const look = () => forms.push(%HasFastProperties(String.prototype));
    look();
    class VerbatimString extends String {}
    look();
    (${makeStringsFast})();
    look();
    forms.join();
  `);
  setFlagsFromString('--no-allow-natives-syntax');
  // Were the second true, nothing would be left to do, and the function could go.
  expect(forms).toBe('true,false,true');
});
