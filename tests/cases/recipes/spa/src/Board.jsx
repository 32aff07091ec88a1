import { lazy, Suspense, useState } from 'react';

// In a file of its own, which the browser asks for when it is needed.
const Statistics = lazy(() => import('./Statistics.jsx'));

export function Board() {
  const [cards, setCards] = useState(['write', 'test']);
  const [shown, show] = useState(false);
  return (
    <main>
      <h1>{`Board v${__VERSION__}`}</h1>
      <ul>{cards.map((card, place) => <li key={place}>{card}</li>)}</ul>
      <button onClick={() => setCards([...cards, `card ${cards.length + 1}`])}>add</button>
      <button onClick={() => show(true)}>statistics</button>
      {shown && (
        <Suspense fallback={<p>one moment</p>}>
          <Statistics cards={cards} />
        </Suspense>
      )}
    </main>
  );
}
