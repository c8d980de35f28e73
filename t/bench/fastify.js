// The peer of accepting: fastify and pg, as one would write it. One prepared query a
// request, that calls the same accept() as the module does, over a pool of 16.
//   node fastify.js PACKAGES PORT DSN
'use strict';
const { createHash, randomBytes } = require('node:crypto');
const { createRequire } = require('node:module');
const [packages, port, connectionString] = process.argv.slice(2);
const requireFrom = createRequire(`${packages}/node_modules/`);
const fastify = requireFrom('fastify')({ bodyLimit: 36 * 1024 * 1024 });
const pool = new (requireFrom('pg').Pool)({ connectionString, max: 16 });

const address = { type: 'object', required: ['email', 'name'], properties: { email: { type: 'string' }, name: { type: 'string' } } };
const body = { type: 'object', required: ['From', 'To', 'Subject', 'ContentType', 'PlainContent'], properties: { From: address,
    To: { type: 'array', items: address }, Subject: { type: 'string' }, ContentType: { type: 'string' },
    PlainContent: { type: 'string' }, Tags: { type: 'array', items: { type: 'string' } } } };
const fields = Array.from({ length: 28 }, (_, i) => `$${i + 2}`).join(', ');
const query = { name: 'accept', text: `SELECT * FROM emailgw_api.accept(ARRAY[$1::bigint], ARRAY[ROW(${fields}, NULL, NULL, NULL, NULL)::emailgw_api.mail])` };
const domainOf = (email) => email.slice(email.lastIndexOf('@') + 1);

// UUIDv7: 48 bits of milliseconds, the rest random.
function uuid7() {
    const bytes = randomBytes(16);
    bytes.writeUIntBE(Date.now(), 0, 6);
    bytes[6] = (bytes[6] & 0x0f) | 0x70;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

fastify.post('/api/v1/email', { schema: { body } }, async (request, reply) => {
    const key = (request.headers.authorization ?? '').replace(/^Bearer /, '');
    const mail = request.body;
    const emails = mail.To.map((to) => to.email);
    const { rows: [row] } = await pool.query({ ...query, values: [key.split('_')[1], uuid7(),
        createHash('sha256').update(key).digest(), null, null, mail.From.email, mail.From.name, domainOf(mail.From.email),
        mail.Subject, mail.Tags ?? [], null, null, null, null, null, null, null, emails.map(() => 'to'), emails,
        emails.map(domainOf), JSON.stringify(mail.To), '[]', '[]', '[]', null, mail.PlainContent, null, null,
        mail.PlainContent.length] });
    return reply.code(row.status === 0 ? 200 : 422).send({ MessageID: row.message_id });
});
fastify.listen({ host: '127.0.0.1', port: Number(port) });
