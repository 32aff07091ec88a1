'use client';

import { useState, useTransition } from 'react';
import { double } from './actions';

export function Counter() {
  const [number, set] = useState(1);
  const [busy, start] = useTransition();
  return (
    <p>
      <output>{number}</output>
      <button disabled={busy} onClick={() => start(async () => set(await double(number)))}>double</button>
    </p>
  );
}
