import { readFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url)));

export default {
  output: 'standalone',
  env: { VERSION: version },
  poweredByHeader: false,
};
