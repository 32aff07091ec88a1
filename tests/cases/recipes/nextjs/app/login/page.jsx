import { AuthError } from 'next-auth';
import { redirect } from 'next/navigation';
import { signIn } from '../../auth';

async function enter(form) {
  'use server';
  try {
    await signIn('credentials', { name: form.get('name'), password: form.get('password'), redirectTo: '/' });
  } catch (error) {
    if (error instanceof AuthError) redirect('/login?failed');
    throw error;
  }
}

export default function Login() {
  return (
    <form action={enter}>
      <input name="name" placeholder="name" required />
      <input name="password" type="password" placeholder="password" required />
      <button>log in</button>
    </form>
  );
}
