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
  /** Path of its API, `/` at both ends. Default `/v2/`; containerd's `override_path` gives another. */
  readonly basePath?: string;
  /** The registry that it stands for: sent as `?ns=`, by which mirrors of several tell them apart. */
  readonly namespace?: string;
  /** Certificates (PEM) to trust besides those of the system and of Node. */
  readonly ca?: string;
  /** A client certificate and its key (PEM, both or none): shown to the registry itself, never to a place it points to. */
  readonly cert?: string;
  readonly key?: string;
  /**
   * Asked when the registry first demands credentials, and again for another repository: config files may hold them by path. The same
   * credentials are the same object each time.
   */
  readonly credentials?: (options: CredentialsRequest) => Promise<Credentials | undefined>;
}

export interface CredentialsRequest {
  /** Path below the host that is asked for; absent when there is none. */
  readonly repository?: string;
  readonly signal: AbortSignal;
}
