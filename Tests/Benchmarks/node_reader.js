// node-redis as its users write it: BLPOP, parse, one normalised line per element, written before the next pop.
//   node node_reader.js PORT KEY OUT          ("-": standard output)
'use strict';
const fs = require('fs');
const { createClient } = require('redis');

function line(text) {
  const { type, payload } = JSON.parse(text);
  return JSON.stringify({
    vendor: 'teleforge', kind: type, call: payload.call_ref, direction: payload.call_dir, from: payload.number,
    to: payload.dial_number, agent: payload.extension ?? payload.ref, contact_ref: payload.contact_ref || undefined,
    queue_s: payload.hold_time, started_at: payload.dialed_at, reason: payload.end_reason, received_at: Date.now(),
  }) + '\n';
}

async function main(port, key, out) {
  const file = out === '-' ? 1 : fs.openSync(out, 'a');
  const client = createClient({ socket: { host: '127.0.0.1', port: Number(port) } });
  client.on('error', (error) => { console.error(error.message); process.exit(1); });
  await client.connect();
  for (;;) {
    const popped = await client.blPop(key, 5);
    if (popped !== null) fs.writeSync(file, line(popped.element));
  }
}

main(...process.argv.slice(2));
