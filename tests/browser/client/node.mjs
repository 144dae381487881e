// Runs one scene in Node: `node node.mjs SCENE JSON` prints what it returns.
import WebSocket from '../vendor/ws/wrapper.mjs';
import {scenes} from './scenes.mjs';

const [scene, given] = process.argv.slice(2);
const result = await scenes[scene](JSON.parse(given), WebSocket);
process.stdout.write(JSON.stringify(result), () => process.exit(0));
