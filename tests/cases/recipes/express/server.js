import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import express from 'express';
import session from 'express-session';
import { RedisStore } from 'connect-redis';
import { createClient } from 'redis';
import { WebSocketServer } from 'ws';
import * as guestbook from './guestbook.js';
import { page, signIn } from './pages.js';

const { version } = JSON.parse(await readFile(new URL('./package.json', import.meta.url)));
const redis = createClient({ url: process.env.REDIS_URL });
redis.on('error', (error) => console.error(error.message));
await redis.connect();

const sessions = session({
  store: new RedisStore({ client: redis, prefix: 'session:' }),
  secret: process.env.SESSION_SECRET,
  name: 'guestbook.sid',
  resave: false,
  saveUninitialized: false,
  cookie: { secure: 'auto', httpOnly: true, sameSite: 'lax', maxAge: 7 * 24 * 3600 * 1000 },
});

const app = express();
app.set('trust proxy', 1); // one proxy in front: its X-Forwarded-* are taken for true
app.use(express.urlencoded({ extended: false }));
app.get('/healthz', async (request, response) => {
  await redis.ping();
  response.send('ok');
});
app.use(sessions);

app.get('/', async (request, response) => {
  const { user } = request.session;
  response.send(user ? page(version, user, await guestbook.entries(redis), request) : signIn(version));
});

app.post('/login', (request, response, next) => {
  request.session.regenerate((error) => {
    if (error) return next(error);
    request.session.user = request.body.name;
    request.session.save((failed) => (failed ? next(failed) : response.redirect(303, '/')));
  });
});

app.post('/logout', (request, response, next) => {
  request.session.destroy((error) => (error ? next(error) : response.redirect(303, '/')));
});

app.post('/entries', async (request, response) => {
  if (!request.session.user) return response.status(401).send('log in first');
  await guestbook.add(redis, request.session.user, request.body.text);
  response.redirect(303, '/');
});

const server = createServer(app);
server.keepAliveTimeout = 65_000; // longer than the proxy keeps a connection that nobody uses

// WebSockets have the session of the page: who is not logged in gets none.
const sockets = new WebSocketServer({ noServer: true });
server.on('upgrade', (request, socket, head) => {
  sessions(request, {}, () => {
    if (!request.session?.user) return socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
    sockets.handleUpgrade(request, socket, head, (client) => {
      client.on('message', (text) => client.send(`${version} ${request.session.user}: ${text}`));
    });
  });
});

server.listen(3000, () => console.log(`guestbook ${version} at port 3000`));

process.on('SIGTERM', () => {
  server.close(() => redis.quit().then(() => process.exit(0)));
  server.closeIdleConnections();
  for (const client of sockets.clients) client.close(1012, 'a new version takes over');
});
