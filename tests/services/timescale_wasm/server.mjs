// Serve PostgreSQL 17 with TimescaleDB's Community edition, in WebAssembly and in memory, on a free loopback port.
// Prints its port as one line when ready; ends on SIGTERM or when its standard input closes (the parent is gone).
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { timescaledb } from '@electric-sql/pglite/timescaledb'

const db = await PGlite.create({ extensions: { timescaledb } })
await db.exec('CREATE EXTENSION timescaledb')
const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 1 })
await server.start()

const stop = () => process.exit(0)
process.on('SIGTERM', stop)
process.stdin.on('end', stop).resume()

console.log(server.getServerConn().split(':').at(-1))
