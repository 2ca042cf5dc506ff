// The console on the scripted edge: ?scene=NAME chooses what happens.

import '../styles.css';

import { run } from '../run.tsx';
import { ScriptedEdge } from './edge.ts';
import { openScriptedMirror } from './mirror.ts';
import { answer } from './world.ts';

const scene = new URLSearchParams(location.search).get('scene') ?? 'busy';

run({ connect: (options) => new ScriptedEdge(scene, options), openMirror: openScriptedMirror }, async (input, init) => {
  const { status, body } = answer(scene, init?.method ?? 'GET', new URL(String(input), location.href));
  return new Response(JSON.stringify(body), { status });
});
