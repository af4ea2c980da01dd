// Puts FILE.br and FILE.gz beside each file of the built app that gets smaller by it.
const fs = require("node:fs");
const path = require("node:path");
const zlib = require("node:zlib");

const brotli = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 11 } };

function compress(dir) {
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) {
      compress(file);
    } else if (/\.(js|css|html|svg|json|txt)$/.test(entry.name)) {
      const bytes = fs.readFileSync(file);
      fs.writeFileSync(`${file}.br`, zlib.brotliCompressSync(bytes, brotli));
      fs.writeFileSync(`${file}.gz`, zlib.gzipSync(bytes, { level: 9 }));
    }
  }
}

compress(process.argv[2]);
