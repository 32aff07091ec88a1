'use client';

import dynamic from 'next/dynamic';
import { useState, useTransition } from 'react';
import { double } from './actions';

const History = dynamic(() => import('./history')); // a chunk of its own, which is asked for when it is shown

export function Counter() {
  const [number, set] = useState(1);
  const [shown, show] = useState(false);
  const [busy, start] = useTransition();
  return (
    <>
      <p>
        <output>{number}</output>
        <button disabled={busy} onClick={() => start(async () => set(await double(number)))}>double</button>
        <button onClick={() => show(true)}>history</button>
      </p>
      {shown && <History />}
    </>
  );
}
