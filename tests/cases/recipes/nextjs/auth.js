import NextAuth from 'next-auth';
import Credentials from 'next-auth/providers/credentials';

export const { handlers, signIn, signOut, auth } = NextAuth({
  pages: { signIn: '/login' },
  providers: [
    Credentials({
      credentials: { name: {}, password: {} },
      // An app asks its database here.
      authorize: ({ name, password }) => (name && password === 'correct horse' ? { id: name, name } : null),
    }),
  ],
});
