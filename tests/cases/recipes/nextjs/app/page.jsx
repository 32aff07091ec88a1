import Link from 'next/link';
import { redirect } from 'next/navigation';
import { auth, signOut } from '../auth';
import { Counter } from './counter';

async function leave() {
  'use server';
  await signOut({ redirectTo: '/login' });
}

export default async function Page() {
  const session = await auth();
  if (!session) redirect('/login');
  return (
    <main>
      <p>{`Hello ${session.user.name}!`}</p>
      <Counter />
      <Link href="/notes">notes</Link>
      <form action={leave}>
        <button>log out</button>
      </form>
    </main>
  );
}
