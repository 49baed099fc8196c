// Receives messages with the library ws and says how long that took: see websocket.py.
'use strict';
const fs = require('fs');
const WebSocket = require('ws');
const [port, expected, ca] = process.argv.slice(2);
const socket = new WebSocket(`${ca ? 'wss' : 'ws'}://localhost:${port}/`, {
  perMessageDeflate: false, maxPayload: 64 << 20, ca: ca ? fs.readFileSync(ca) : undefined, family: 4,
});
let began = 0n;
let messages = 0;
let bytes = 0;
socket.on('open', () => { began = process.hrtime.bigint(); });
socket.on('message', (data) => {
  messages += 1;
  bytes += data.length;
  if (messages === Number(expected)) {
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    console.log(JSON.stringify({ messages, bytes, seconds }));
    socket.close();
  }
});
socket.on('error', (error) => { console.error(String(error)); process.exit(1); });
