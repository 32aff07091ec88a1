const KEY = 'entries';

export async function add(redis, user, text) {
  await redis.lPush(KEY, JSON.stringify({ user, text }));
  await redis.lTrim(KEY, 0, 49);
}

export async function entries(redis) {
  return (await redis.lRange(KEY, 0, -1)).map((entry) => JSON.parse(entry));
}
