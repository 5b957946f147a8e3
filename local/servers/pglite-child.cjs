// PGlite behind its socket server, in a process of its own: it is WebAssembly and would hold up the caller's event loop.
const { PGlite } = require('@electric-sql/pglite');
const { PGLiteSocketServer } = require('@electric-sql/pglite-socket');

async function main() {
  const db = await PGlite.create(process.env.PGLITE_FOLDER || undefined);
  // The default is one connection, and a pool of two would then wait for ever.
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 20 });
  await server.start();
  console.log(`listening on ${server.getServerConn()}`);
  process.once('SIGTERM', async () => {
    await server.stop();
    await db.close();
    process.exit(0);
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
