// Makes tokens with jsonwebtoken and jose. Reads a line of JSON for each, `{library, alg, kid, claims, key}` with the
// key as a JWK, and writes the token on a line of its own.
import { createInterface } from "node:readline"
import { createPrivateKey, createSecretKey } from "node:crypto"
import { SignJWT, importJWK } from "jose"
import jsonwebtoken from "jsonwebtoken"

function nodeKey(jwk) {
  return jwk.kty === "oct" ? createSecretKey(Buffer.from(jwk.k, "base64url")) : createPrivateKey({ key: jwk, format: "jwk" })
}

async function make({ library, alg, kid, claims, key }) {
  if (library === "jsonwebtoken") {
    return jsonwebtoken.sign(claims, nodeKey(key), { algorithm: alg, ...(kid ? { keyid: kid } : {}) })
  }
  const token = new SignJWT(claims).setProtectedHeader(kid ? { alg, kid } : { alg })
  return token.sign(await importJWK(key, alg))
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write((await make(JSON.parse(line))) + "\n")
}
