const escaped = (text) => String(text).replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);

const frame = (version, body) => `<!doctype html>
<html lang="en"><title>Guestbook</title><link rel="icon" href="data:,"><h1>Guestbook v${version}</h1>
${body}</html>`;

export function signIn(version) {
  return frame(version, '<form method="post" action="/login"><input name="name" required><button>log in</button></form>');
}

export function page(version, user, entries, request) {
  const list = entries.map((entry) => `<li>${escaped(entry.user)}: ${escaped(entry.text)}</li>`).join('');
  return frame(version, `<p>Hello ${escaped(user)}!</p>
<p>You came by ${escaped(request.protocol)} from ${escaped(request.ip)}.</p>
<form method="post" action="/entries"><input name="text" required><button>sign</button></form>
<ul>${list}</ul>
<form method="post" action="/logout"><button>log out</button></form>`);
}
