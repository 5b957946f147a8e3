// The deployment's network, for one process: its names resolve to the addresses that the deployment gives them, and what
// goes to one of these arrives at a server on the loopback. Nothing else outside the loopback can be reached, so that a
// test never leaves the machine.
const dns = require('node:dns');
const net = require('node:net');

const isLoopback = (host) => /^(localhost|127(\.\d+){3}|::1|::ffff:127(\.\d+){3})$/i.test(host);

/**
 * @param {{ addresses: Record<string, string>, routes: Record<string, number> }} table names to addresses, and
 *   `address:port` to a port on the loopback
 * @returns {() => void} puts the real network back
 */
function installNetwork({ addresses, routes }) {
  const { lookup } = dns;
  const promised = dns.promises.lookup;
  const { connect } = net.Socket.prototype;

  dns.lookup = (name, ...rest) => {
    const done = rest.at(-1);
    const options = typeof rest[0] === 'object' ? rest[0] : {};
    if (isLoopback(name) || net.isIP(name) !== 0) return lookup(name, ...rest);
    const address = addresses[name];
    if (address === undefined) return void process.nextTick(done, unknownName(name));
    if (options.all) return void process.nextTick(done, null, [{ address, family: 4 }]);
    return void process.nextTick(done, null, address, 4);
  };
  dns.promises.lookup = async (name, options = {}) => {
    if (isLoopback(name) || net.isIP(name) !== 0) return promised(name, options);
    const address = addresses[name];
    if (address === undefined) throw unknownName(name);
    return options.all ? [{ address, family: 4 }] : { address, family: 4 };
  };

  net.Socket.prototype.connect = function (...given) {
    if (typeof given[0] === 'number') {
      const [port, host, ...rest] = given;
      if (typeof host === 'string') return this.connect({ port, host }, ...rest);
    }
    // net.connect and tls.connect hand over an array of their own making: its first element is replaced.
    const isNormal = Array.isArray(given[0]);
    const options = isNormal ? given[0][0] : given[0];
    if (typeof options !== 'object' || options === null || options.path) return connect.apply(this, given);
    const { host = 'localhost', port } = options;
    if (isLoopback(host)) return connect.apply(this, given);
    const address = net.isIP(host) === 0 ? addresses[host] : host;
    const local = routes[`${address}:${port}`];
    if (address !== undefined && local === undefined) {
      process.nextTick(() => this.destroy(unreachable(host, port)));
      return this;
    }
    const replaced = {
      ...options,
      port: local ?? port,
      ...(net.isIP(host) === 0 ? { lookup: toLoopback(options.lookup ?? dns.lookup) } : { host: '127.0.0.1' }),
    };
    if (isNormal) given[0][0] = replaced;
    else given[0] = replaced;
    return connect.apply(this, given);
  };

  return () => {
    dns.lookup = lookup;
    dns.promises.lookup = promised;
    net.Socket.prototype.connect = connect;
  };
}

/** Looks a name up as its caller wants, then leads to the loopback: a caller that refuses an address still does. */
const toLoopback = (lookup) => (name, options, done) =>
  lookup(name, options, (error, found) => {
    if (error) done(error);
    else if (Array.isArray(found)) done(null, [{ address: '127.0.0.1', family: 4 }]);
    else done(null, '127.0.0.1', 4);
  });

function unknownName(name) {
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), {
    ...{ errno: -3008, code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: name },
  });
}

function unreachable(host, port) {
  return Object.assign(new Error(`connect ENETUNREACH ${host}:${port}`), {
    ...{ errno: -101, code: 'ENETUNREACH', syscall: 'connect', address: host, port },
  });
}

module.exports = { installNetwork };
