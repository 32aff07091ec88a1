import Link from 'next/link';
import { redirect } from 'next/navigation';
import { auth } from '../../auth';

export default async function Notes() {
  const session = await auth();
  if (!session) redirect('/login');
  return (
    <main>
      <p id="notes">{`Notes of ${session.user.name}, by v${process.env.VERSION}`}</p>
      <Link href="/">back</Link>
    </main>
  );
}
