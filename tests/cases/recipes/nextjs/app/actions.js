'use server';

import { auth } from '../auth';

export async function double(number) {
  const session = await auth();
  if (!session) throw new Error('log in first');
  return Number(number) * 2;
}
