// Employees: GET / lists them, POST / with {"name": …, "role": …} hires one.
const http = require('node:http');
const { MongoClient } = require('mongodb');

const PORT = 3000;
const BODY_BYTES_MAX = 4096;

async function body(request) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > BODY_BYTES_MAX) throw new RangeError(`at most ${BODY_BYTES_MAX} bytes`);
  }
  return JSON.parse(text);
}

async function answer(employees, request) {
  if (request.method === 'POST') {
    const { name, role } = await body(request);
    await employees.insertOne({ name: String(name), role: String(role) });
    return [201, {}];
  }
  return [200, await employees.find({}, { projection: { _id: 0 } }).toArray()];
}

async function main() {
  const client = await MongoClient.connect(process.env.MONGO_URL, { serverSelectionTimeoutMS: 5000 });
  const employees = client.db().collection('employees');
  const server = http.createServer(async (request, response) => {
    const [status, value] = await answer(employees, request)
      .catch((error) => [error instanceof SyntaxError || error instanceof RangeError ? 400 : 503, { error: error.message }]);
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value) + '\n');
  });
  server.listen(PORT);
  process.on('SIGTERM', () => server.close(() => client.close().then(() => process.exit(0))));
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
