export const metadata = { title: 'Desk', icons: { icon: 'data:,' } };

// No page for a shared cache: each brings the cookie that holds its browser to one version.
export const dynamic = 'force-dynamic';

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>
        <h1>{`Desk v${process.env.VERSION}`}</h1>
        {children}
      </body>
    </html>
  );
}
