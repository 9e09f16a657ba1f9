import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** Keys that minisign made for these tests, and what it signed with them: nothing else is signed by them. */
export const minisignSample = {
  publicKey: 'RWR7ais6oIuYFdNOI9u/5U40l+41WOzigDC1Dw8f8g0KnpI2+pOjyXoH',
  id: '15988BA03A2B6A7B',
  /** As `minisign -G -W` writes it. */
  secretKey: `untrusted comment: minisign unencrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAe2orOqCLmBUWtuzT1PuGXmuBbqp6CWkETDxLS9K6UwKO5G9leRsIkdNOI9u/5U40l+41WOzigDC1Dw8f8g0KnpI2+pOjyXoHAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
`,
  /** The same key, encrypted with `password` by another program, with limits that need 16 MiB where minisign takes 1 GiB. */
  encryptedKey: `untrusted comment: minisign encrypted secret key
RWRTY0IyAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8AAAgAAAAAAAAAAAEAAAAAjt2tdZwOm94A5Ap0y6n+4aRwrh9WlnuoMAtv38C7W2UR8daysGVEtWw1kcQmIdwqmaj6PWqvAq7e9CF0ZP4ZbtIuOWDs6y0dlLra78M+B1XxHi22BIa8XSE0gnqC0jWKTY6w1B+YXs0=
`,
  password: 'correct horse',
  message: Buffer.from('hello bundle\n'),
  signature: `untrusted comment: signature from minisign secret key
RUR7ais6oIuYFVAMaWwptPvCoU8KcqXt5p+IRsOUyPJVM4555E3bzCdrH+0V9VB5SPAhOgTE9Sx3+/OufKQDuNI2b0v6VM3bXAo=
trusted comment: a comment
tnIjK0WikpkH6FuhqZtlEaEu9xBL/T4hM8Wo4d3RJXk+22LStnkPL9gVBJ6e449PA74LcHl0WOs1uYVzZENODA==
`,
  /** By `minisign -S -l`. */
  oldSignature: `untrusted comment: signature from minisign secret key
RWR7ais6oIuYFTCcIuYaVe3EhE2cG1sjkncVjRToHz/EmfaXLNHJYH9MFsK6o4/IxGowb3D0Q8sHyBn9lwt7B4zLiEL8KBCfQwQ=
trusted comment: old
nhfz9WbuZwi4b4fctNRcZY7odTgaI0hGOUU9ME0Gh7ePigiVqeK4mwXrLknzgD429JwJ2e6jgiIfGcB9E+8pDw==
`,
} as const;

/** What cosign 3.1.3 wrote for `minisignSample.message`. */
export const cosignSample = {
  publicKey: `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEC6HVK9o7EqPBkBQIdnvzS0xQWS/P
bVcV1hqzQ3rpDkpHjLh/pyOxjZzQB2+omBxZDEBly/Iiduu7OicoYfrbvg==
-----END PUBLIC KEY-----
`,
  id: 'U082j4GoMBUQMmr2DW0n38IjA72+WyXPm9c69+uLVVw=',
  signature: `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial":{"publicKey":{"hint":"U082j4GoMBUQMmr2DW0n38IjA72+WyXPm9c69+uLVVw="}}, "messageSignature":{"messageDigest":{"algorithm":"SHA2_256", "digest":"oBRbXKIxolmOnuopzZyg3JX135vLK7ObZGLPb1I+B3I="}, "signature":"MEUCIQCMwxU9CSarFpgnLobaCvX6dsDPqI5IEeE2qLg8KysTXAIgclE4zPC57OPcwIoqR1GPNGkOtupeEEe/SN1QuKdiTsk="}}`,
} as const;

/** A key pair as a KMS may have one; its public half as PEM. */
export function keyPairOf(kind: 'P-256' | 'P-384' | 'ed25519' | 'rsa'): { readonly publicKey: string; readonly key: KeyObject } {
  const { publicKey, privateKey } =
    kind === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : kind === 'rsa'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve: kind });
  return { publicKey: publicKey.export({ format: 'pem', type: 'spki' }).toString(), key: privateKey };
}

/** A sigstore bundle over `message`, as cosign writes it. */
export function sigstoreBundle(message: Buffer, key: KeyObject, algorithm: 'sha256' | 'sha384', digest: Buffer): string {
  const signature = sign(key.asymmetricKeyType === 'ed25519' ? null : algorithm, message, key);
  return JSON.stringify({
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: 'the key' } },
    messageSignature: {
      messageDigest: { algorithm: `SHA2_${algorithm.slice(3)}`, digest: digest.toString('base64') },
      signature: signature.toString('base64'),
    },
  });
}
