// Appends by emmett: a line of JSON on stdin asks for a round, a line on stdout says how long it took.
//
// node emmett.js CONNECTION_STRING FACT, FACT being {"type", "payload", "metadata"}; a round is
// {"callers", "saves", "aSave", "pool"}: so many callers save one after the other, each save a new
// stream with so many events. The stream is said to be new (0n), which spares emmett a SELECT.
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { getPostgreSQLEventStore } from "@event-driven-io/emmett-postgresql";
import pg from "pg";

const [connectionString, given] = process.argv.slice(2);
const fact = JSON.parse(given);
const event = { type: fact.type, data: fact.payload, metadata: fact.metadata };
const stores = new Map();

async function storeWith(max) {
  if (!stores.has(max)) {
    const pool = new pg.Pool({ connectionString, max, idleTimeoutMillis: 0 });
    const store = getPostgreSQLEventStore(connectionString, { connectionOptions: { pool } });
    await store.schema.migrate();
    stores.set(max, store);
  }
  return stores.get(max);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { callers, saves, aSave, pool } = JSON.parse(line);
  const store = await storeWith(pool);
  let left = saves;
  const caller = async () => {
    while (left-- > 0) {
      const events = Array.from({ length: aSave }, () => event);
      await store.appendToStream(`document-${randomUUID()}`, events, { expectedStreamVersion: 0n });
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: callers }, caller));
  console.log(JSON.stringify({ s: (performance.now() - began) / 1000 }));
}
