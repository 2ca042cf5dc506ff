// A server that no site lists: it notes who connects, and what is asked of it.
import { createServer } from 'node:http';

export async function openRecorder() {
  const recorder = { connections: 0, paths: [] };
  const server = createServer((request, response) => {
    recorder.paths.push(request.url);
    const type = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' }[request.url.split('.').pop()];
    response.writeHead(200, { 'Content-Type': type ?? 'text/html', 'Access-Control-Allow-Origin': '*' });
    response.end(type ? '' : '<!doctype html><title>Elsewhere</title>');
  });
  server.on('connection', () => recorder.connections++);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  recorder.origin = `http://127.0.0.1:${server.address().port}`;
  recorder.close = () => {
    server.close();
    server.closeAllConnections();
  };
  return recorder;
}
