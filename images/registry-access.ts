/** What a registry is told about who asks. `from` names the file, helper or variables they come from; it may be shown, the rest never. */
export type Credentials = { readonly from: string } & (
  | { readonly username: string; readonly password: string }
  /** An OAuth2 refresh token, exchanged at the token server. */
  | { readonly identityToken: string }
  /** A bearer token, sent as it is. */
  | { readonly registryToken: string }
);

/** How one registry is reached. */
export interface RegistryAccess {
  /** `host[:port]` as references have it; `docker.io` is translated to the host of its API. */
  readonly host: string;
  /** Speak http, and only http. */
  readonly plainHttp: boolean;
  /** Certificates (PEM) to trust besides those of the system and of Node. */
  readonly ca?: string;
  /** Asked once, when the registry first demands credentials. */
  readonly credentials?: (options: { readonly signal: AbortSignal }) => Promise<Credentials | undefined>;
}
