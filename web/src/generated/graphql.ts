/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** What a personal API token may: READ looks, WRITE changes and begins, too. */
export type ApiScope =
  | 'READ'
  | 'WRITE';

/** What gains and losses are drawn in. */
export type Colours =
  | 'BLUE_ORANGE'
  | 'GREEN_RED'
  | 'RED_GREEN';

/** What an import does, in this order. */
export type ImportStage =
  /** The portfolio's past, reconstructed from the trades. */
  | 'BACK_FILL'
  /** How each is set. */
  | 'CONFIGURATION'
  /** Which hoppers there are. */
  | 'HOPPERS'
  /** Positions, reserved coins, shorts and open orders. */
  | 'POSITIONS'
  /** All trades. */
  | 'TRADES';

/** What has become of an import. */
export type ImportState =
  /** What could be read is there; problems say what could not. */
  | 'DONE'
  /** Nothing could be read; problems say why, and what to do. */
  | 'FAILED'
  /** It goes on; it may wait for Cryptohopper's limits. */
  | 'RUNNING'
  /** The account was unlinked. */
  | 'STOPPED'
  /** It begins soon. */
  | 'WAITING';

/** How the account at Cryptohopper is linked. */
export type LinkState =
  /** All that is needed is allowed. */
  | 'LINKED'
  /** Cryptohopper does not accept the link any more: nothing can be read until then. */
  | 'MUST_LINK_AGAIN'
  /** It never was, or its owner unlinked it. */
  | 'NONE'
  /** Linked, but not everything was allowed: link again, and allow all of it. */
  | 'SCOPES_MISSING';

/** What a notice is about. */
export type NoticeClass =
  | 'ACTION'
  | 'DATA_PROBLEM'
  | 'FAILURE'
  | 'INFO';

/** By what notices of one class shall go out. */
export type NoticePreferenceInput = {
  /** The class. */
  about: NoticeClass;
  /** By e-mail. */
  byMail: boolean;
  /** By the user's own webhook. */
  byWebhook: boolean;
};

/** What shall be otherwise; what is left out, or null, stays as it is. */
export type PreferencesInput = {
  /** Colours of gains and losses. */
  colours?: Colours | null | undefined;
  /** Three letters, such as EUR. */
  currency?: string | null | undefined;
  /** Whether amounts are hidden. */
  masksAmounts?: boolean | null | undefined;
  /** Classes that shall go out otherwise, each once. */
  notices?: Array<NoticePreferenceInput> | null | undefined;
  /** 0 to 12. */
  otherDecimals?: number | null | undefined;
  /** 0 to 12. */
  stablecoinDecimals?: number | null | undefined;
  /** IANA time zone, such as Europe/Berlin. */
  zone?: string | null | undefined;
};

export type LinkQueryVariables = Exact<{ [key: string]: never; }>;


export type LinkQuery = { link: { state: LinkState, scopes: Array<string>, missingScopes: Array<string>, linkedAt: string | null } };

export type BeginLinkMutationVariables = Exact<{ [key: string]: never; }>;


export type BeginLinkMutation = { beginLink: { authorizeUrl: string } };

export type CompleteLinkMutationVariables = Exact<{
  code: string;
  state: string;
}>;


export type CompleteLinkMutation = { completeLink: { state: LinkState, scopes: Array<string>, missingScopes: Array<string>, linkedAt: string | null } };

export type WhoFragment = { id: string, email: string, zone: string, currency: string, plan: string, planEndsAt: string | null, createdAt: string, preferences: { zone: string, currency: string, stablecoinDecimals: number, otherDecimals: number, masksAmounts: boolean, colours: Colours, notices: Array<{ about: NoticeClass, byMail: boolean, byWebhook: boolean }> }, permissions: Array<{ resource: string, action: string, effect: string }> };

export type MeQueryVariables = Exact<{ [key: string]: never; }>;


export type MeQuery = { me: { id: string, email: string, zone: string, currency: string, plan: string, planEndsAt: string | null, createdAt: string, preferences: { zone: string, currency: string, stablecoinDecimals: number, otherDecimals: number, masksAmounts: boolean, colours: Colours, notices: Array<{ about: NoticeClass, byMail: boolean, byWebhook: boolean }> }, permissions: Array<{ resource: string, action: string, effect: string }> } | null };

export type SignInMutationVariables = Exact<{
  email: string;
  password: string;
  code?: string | null | undefined;
  device?: string | null | undefined;
}>;


export type SignInMutation = { signIn: { expiresAt: string, user: { id: string, email: string, zone: string, currency: string, plan: string, planEndsAt: string | null, createdAt: string, preferences: { zone: string, currency: string, stablecoinDecimals: number, otherDecimals: number, masksAmounts: boolean, colours: Colours, notices: Array<{ about: NoticeClass, byMail: boolean, byWebhook: boolean }> }, permissions: Array<{ resource: string, action: string, effect: string }> } } };

export type ConfirmSignUpMutationVariables = Exact<{
  token: string;
  password: string;
  device?: string | null | undefined;
}>;


export type ConfirmSignUpMutation = { confirmSignUp: { expiresAt: string, user: { id: string, email: string, zone: string, currency: string, plan: string, planEndsAt: string | null, createdAt: string, preferences: { zone: string, currency: string, stablecoinDecimals: number, otherDecimals: number, masksAmounts: boolean, colours: Colours, notices: Array<{ about: NoticeClass, byMail: boolean, byWebhook: boolean }> }, permissions: Array<{ resource: string, action: string, effect: string }> } } };

export type RefreshSessionMutationVariables = Exact<{ [key: string]: never; }>;


export type RefreshSessionMutation = { refreshSession: { expiresAt: string } };

export type SignOutMutationVariables = Exact<{ [key: string]: never; }>;


export type SignOutMutation = { signOut: boolean };

export type AccountChangedSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type AccountChangedSubscription = { accountChanged: boolean };

export type ConfirmEmailChangeMutationVariables = Exact<{
  token: string;
}>;


export type ConfirmEmailChangeMutation = { confirmEmailChange: boolean };

export type RequestPasswordResetMutationVariables = Exact<{
  email: string;
}>;


export type RequestPasswordResetMutation = { requestPasswordReset: boolean };

export type HoppersQueryVariables = Exact<{
  live: boolean;
}>;


export type HoppersQuery = { hoppers: Array<{ id: string, name: string, exchange: string, baseCurrency: string, isPaper: boolean, isLinked: boolean, portfolio?: { at: string, value: number | null, open: number | null, pricesAt: string | null, assetsAt: string, isFresh: boolean, unpriced: Array<string>, positions: Array<{ id: string }> } | null }> };

export type ToldFragment = { id: string, about: NoticeClass, title: string, text: string, hopperId: string | null, at: string, readAt: string | null };

export type NoticesQueryVariables = Exact<{
  after?: string | null | undefined;
}>;


export type NoticesQuery = { notices: { hasMore: boolean, endCursor: string | null, nodes: Array<{ id: string, about: NoticeClass, title: string, text: string, hopperId: string | null, at: string, readAt: string | null }> } };

export type MarkNoticesReadMutationVariables = Exact<{
  until: string | number;
}>;


export type MarkNoticesReadMutation = { markNoticesRead: number };

export type NoticeToldSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type NoticeToldSubscription = { notices: { id: string } };

export type PortfolioQueryVariables = Exact<{
  id: string | number;
  live: boolean;
}>;


export type PortfolioQuery = { hopper: { id: string, name: string, exchange: string, baseCurrency: string, isPaper: boolean, portfolio?: { at: string, value: number | null, open: number | null, pricesAt: string | null, assetsAt: string, isFresh: boolean, unpriced: Array<string>, holdings: Array<{ asset: string, quantity: string | null, price: number | null, value: number | null }>, positions: Array<{ id: string, pair: string, quantity: string | null, rate: string, cost: string | null, openedAt: string | null }> } | null } };

export type ResetPasswordMutationVariables = Exact<{
  token: string;
  password: string;
}>;


export type ResetPasswordMutation = { resetPassword: boolean };

export type UnlinkMutationVariables = Exact<{
  password: string;
}>;


export type UnlinkMutation = { unlink: boolean };

export type ConfirmPasswordMutationVariables = Exact<{
  password: string;
  code?: string | null | undefined;
}>;


export type ConfirmPasswordMutation = { confirmPassword: boolean };

export type DeleteAccountMutationVariables = Exact<{
  password: string;
  code?: string | null | undefined;
  confirmation: string;
}>;


export type DeleteAccountMutation = { deleteAccount: boolean };

export type ChangePasswordMutationVariables = Exact<{
  password: string;
  newPassword: string;
}>;


export type ChangePasswordMutation = { changePassword: boolean };

export type PlansQueryVariables = Exact<{ [key: string]: never; }>;


export type PlansQuery = { plans: Array<{ name: string, isMine: boolean, endsAt: string | null, canStartTrial: boolean, canCheckOut: boolean, opens: Array<string> }> };

export type StartTrialMutationVariables = Exact<{ [key: string]: never; }>;


export type StartTrialMutation = { startTrial: boolean };

export type BeginCheckoutMutationVariables = Exact<{
  plan: string;
}>;


export type BeginCheckoutMutation = { beginCheckout: string };

export type SecurityQueryVariables = Exact<{ [key: string]: never; }>;


export type SecurityQuery = { security: { hasTotp: boolean, recoveryCodesLeft: number } };

export type SessionsQueryVariables = Exact<{ [key: string]: never; }>;


export type SessionsQuery = { sessions: Array<{ id: string, device: string, address: string, beganAt: string, seenAt: string, isThisOne: boolean }> };

export type EndSessionMutationVariables = Exact<{
  id: string | number;
}>;


export type EndSessionMutation = { endSession: boolean };

export type EndOtherSessionsMutationVariables = Exact<{ [key: string]: never; }>;


export type EndOtherSessionsMutation = { endOtherSessions: number };

export type ChangePreferencesMutationVariables = Exact<{
  input: PreferencesInput;
}>;


export type ChangePreferencesMutation = { changePreferences: { zone: string } };

export type RequestEmailChangeMutationVariables = Exact<{
  email: string;
  password: string;
}>;


export type RequestEmailChangeMutation = { requestEmailChange: boolean };

export type ApiTokensQueryVariables = Exact<{ [key: string]: never; }>;


export type ApiTokensQuery = { apiTokens: Array<{ id: string, name: string, scopes: Array<ApiScope>, createdAt: string, expiresAt: string | null, seenAt: string | null }> };

export type CreateApiTokenMutationVariables = Exact<{
  name: string;
  scopes: Array<ApiScope> | ApiScope;
  expiresAt?: string | null | undefined;
  password: string;
}>;


export type CreateApiTokenMutation = { createApiToken: { token: string } };

export type EndApiTokenMutationVariables = Exact<{
  id: string | number;
}>;


export type EndApiTokenMutation = { endApiToken: boolean };

export type BeginTotpMutationVariables = Exact<{
  password: string;
}>;


export type BeginTotpMutation = { beginTotp: { secret: string, url: string } };

export type ConfirmTotpMutationVariables = Exact<{
  code: string;
}>;


export type ConfirmTotpMutation = { confirmTotp: Array<string> };

export type EndTotpMutationVariables = Exact<{
  password: string;
  code: string;
}>;


export type EndTotpMutation = { endTotp: boolean };

export type NewRecoveryCodesMutationVariables = Exact<{
  password: string;
  code: string;
}>;


export type NewRecoveryCodesMutation = { newRecoveryCodes: Array<string> };

export type OutgoingWebhookQueryVariables = Exact<{ [key: string]: never; }>;


export type OutgoingWebhookQuery = { outgoingWebhook: { url: string, failingSince: string | null, offAt: string | null, triedAt: string | null, answer: string } | null };

export type SetOutgoingWebhookMutationVariables = Exact<{
  url: string;
}>;


export type SetOutgoingWebhookMutation = { setOutgoingWebhook: { secret: string } };

export type EndOutgoingWebhookMutationVariables = Exact<{ [key: string]: never; }>;


export type EndOutgoingWebhookMutation = { endOutgoingWebhook: boolean };

export type TestOutgoingWebhookMutationVariables = Exact<{ [key: string]: never; }>;


export type TestOutgoingWebhookMutation = { testOutgoingWebhook: boolean };

export type SignUpMutationVariables = Exact<{
  email: string;
  password: string;
  zone: string;
  currency: string;
}>;


export type SignUpMutation = { signUp: boolean };

export type ProgressFragment = { state: ImportState, stage: ImportStage | null, hopper: string | null, done: number, total: number | null, estimatedEndAt: string | null, beganAt: string | null, finishedAt: string | null, problems: Array<{ hopper: string | null, message: string }> };

export type ImportProgressQueryVariables = Exact<{ [key: string]: never; }>;


export type ImportProgressQuery = { importProgress: { state: ImportState, stage: ImportStage | null, hopper: string | null, done: number, total: number | null, estimatedEndAt: string | null, beganAt: string | null, finishedAt: string | null, problems: Array<{ hopper: string | null, message: string }> } | null };

export type ImportProgressChangedSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type ImportProgressChangedSubscription = { importProgress: { state: ImportState, stage: ImportStage | null, hopper: string | null, done: number, total: number | null, estimatedEndAt: string | null, beganAt: string | null, finishedAt: string | null, problems: Array<{ hopper: string | null, message: string }> } };

export type HopperNamesQueryVariables = Exact<{ [key: string]: never; }>;


export type HopperNamesQuery = { hoppers: Array<{ id: string, name: string }> };

export type RefreshImportMutationVariables = Exact<{ [key: string]: never; }>;


export type RefreshImportMutation = { refreshImport: boolean };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const WhoFragmentDoc = new TypedDocumentString(`
    fragment Who on User {
  id
  email
  zone
  currency
  plan
  planEndsAt
  createdAt
  preferences {
    zone
    currency
    stablecoinDecimals
    otherDecimals
    masksAmounts
    colours
    notices {
      about
      byMail
      byWebhook
    }
  }
  permissions {
    resource
    action
    effect
  }
}
    `, {"fragmentName":"Who"}) as unknown as TypedDocumentString<WhoFragment, unknown>;
export const ToldFragmentDoc = new TypedDocumentString(`
    fragment Told on Notice {
  id
  about
  title
  text
  hopperId
  at
  readAt
}
    `, {"fragmentName":"Told"}) as unknown as TypedDocumentString<ToldFragment, unknown>;
export const ProgressFragmentDoc = new TypedDocumentString(`
    fragment Progress on ImportProgress {
  state
  stage
  hopper
  done
  total
  estimatedEndAt
  beganAt
  finishedAt
  problems {
    hopper
    message
  }
}
    `, {"fragmentName":"Progress"}) as unknown as TypedDocumentString<ProgressFragment, unknown>;
export const LinkDocument = new TypedDocumentString(`
    query Link {
  link {
    state
    scopes
    missingScopes
    linkedAt
  }
}
    `) as unknown as TypedDocumentString<LinkQuery, LinkQueryVariables>;
export const BeginLinkDocument = new TypedDocumentString(`
    mutation BeginLink {
  beginLink {
    authorizeUrl
  }
}
    `) as unknown as TypedDocumentString<BeginLinkMutation, BeginLinkMutationVariables>;
export const CompleteLinkDocument = new TypedDocumentString(`
    mutation CompleteLink($code: String!, $state: String!) {
  completeLink(code: $code, state: $state) {
    state
    scopes
    missingScopes
    linkedAt
  }
}
    `) as unknown as TypedDocumentString<CompleteLinkMutation, CompleteLinkMutationVariables>;
export const MeDocument = new TypedDocumentString(`
    query Me {
  me {
    ...Who
  }
}
    fragment Who on User {
  id
  email
  zone
  currency
  plan
  planEndsAt
  createdAt
  preferences {
    zone
    currency
    stablecoinDecimals
    otherDecimals
    masksAmounts
    colours
    notices {
      about
      byMail
      byWebhook
    }
  }
  permissions {
    resource
    action
    effect
  }
}`) as unknown as TypedDocumentString<MeQuery, MeQueryVariables>;
export const SignInDocument = new TypedDocumentString(`
    mutation SignIn($email: String!, $password: String!, $code: String, $device: String) {
  signIn(email: $email, password: $password, code: $code, device: $device) {
    expiresAt
    user {
      ...Who
    }
  }
}
    fragment Who on User {
  id
  email
  zone
  currency
  plan
  planEndsAt
  createdAt
  preferences {
    zone
    currency
    stablecoinDecimals
    otherDecimals
    masksAmounts
    colours
    notices {
      about
      byMail
      byWebhook
    }
  }
  permissions {
    resource
    action
    effect
  }
}`) as unknown as TypedDocumentString<SignInMutation, SignInMutationVariables>;
export const ConfirmSignUpDocument = new TypedDocumentString(`
    mutation ConfirmSignUp($token: String!, $password: String!, $device: String) {
  confirmSignUp(token: $token, password: $password, device: $device) {
    expiresAt
    user {
      ...Who
    }
  }
}
    fragment Who on User {
  id
  email
  zone
  currency
  plan
  planEndsAt
  createdAt
  preferences {
    zone
    currency
    stablecoinDecimals
    otherDecimals
    masksAmounts
    colours
    notices {
      about
      byMail
      byWebhook
    }
  }
  permissions {
    resource
    action
    effect
  }
}`) as unknown as TypedDocumentString<ConfirmSignUpMutation, ConfirmSignUpMutationVariables>;
export const RefreshSessionDocument = new TypedDocumentString(`
    mutation RefreshSession {
  refreshSession {
    expiresAt
  }
}
    `) as unknown as TypedDocumentString<RefreshSessionMutation, RefreshSessionMutationVariables>;
export const SignOutDocument = new TypedDocumentString(`
    mutation SignOut {
  signOut
}
    `) as unknown as TypedDocumentString<SignOutMutation, SignOutMutationVariables>;
export const AccountChangedDocument = new TypedDocumentString(`
    subscription AccountChanged {
  accountChanged
}
    `) as unknown as TypedDocumentString<AccountChangedSubscription, AccountChangedSubscriptionVariables>;
export const ConfirmEmailChangeDocument = new TypedDocumentString(`
    mutation ConfirmEmailChange($token: String!) {
  confirmEmailChange(token: $token)
}
    `) as unknown as TypedDocumentString<ConfirmEmailChangeMutation, ConfirmEmailChangeMutationVariables>;
export const RequestPasswordResetDocument = new TypedDocumentString(`
    mutation RequestPasswordReset($email: String!) {
  requestPasswordReset(email: $email)
}
    `) as unknown as TypedDocumentString<RequestPasswordResetMutation, RequestPasswordResetMutationVariables>;
export const HoppersDocument = new TypedDocumentString(`
    query Hoppers($live: Boolean!) {
  hoppers {
    id
    name
    exchange
    baseCurrency
    isPaper
    isLinked
    portfolio(masked: false) @include(if: $live) {
      at
      value
      open
      pricesAt
      assetsAt
      isFresh
      unpriced
      positions {
        id
      }
    }
  }
}
    `) as unknown as TypedDocumentString<HoppersQuery, HoppersQueryVariables>;
export const NoticesDocument = new TypedDocumentString(`
    query Notices($after: String) {
  notices(first: 30, after: $after) {
    nodes {
      ...Told
    }
    hasMore
    endCursor
  }
}
    fragment Told on Notice {
  id
  about
  title
  text
  hopperId
  at
  readAt
}`) as unknown as TypedDocumentString<NoticesQuery, NoticesQueryVariables>;
export const MarkNoticesReadDocument = new TypedDocumentString(`
    mutation MarkNoticesRead($until: ID!) {
  markNoticesRead(until: $until)
}
    `) as unknown as TypedDocumentString<MarkNoticesReadMutation, MarkNoticesReadMutationVariables>;
export const NoticeToldDocument = new TypedDocumentString(`
    subscription NoticeTold {
  notices {
    id
  }
}
    `) as unknown as TypedDocumentString<NoticeToldSubscription, NoticeToldSubscriptionVariables>;
export const PortfolioDocument = new TypedDocumentString(`
    query Portfolio($id: ID!, $live: Boolean!) {
  hopper(id: $id) {
    id
    name
    exchange
    baseCurrency
    isPaper
    portfolio(masked: false) @include(if: $live) {
      at
      value
      open
      pricesAt
      assetsAt
      isFresh
      unpriced
      holdings {
        asset
        quantity
        price
        value
      }
      positions {
        id
        pair
        quantity
        rate
        cost
        openedAt
      }
    }
  }
}
    `) as unknown as TypedDocumentString<PortfolioQuery, PortfolioQueryVariables>;
export const ResetPasswordDocument = new TypedDocumentString(`
    mutation ResetPassword($token: String!, $password: String!) {
  resetPassword(token: $token, password: $password)
}
    `) as unknown as TypedDocumentString<ResetPasswordMutation, ResetPasswordMutationVariables>;
export const UnlinkDocument = new TypedDocumentString(`
    mutation Unlink($password: String!) {
  unlink(password: $password)
}
    `) as unknown as TypedDocumentString<UnlinkMutation, UnlinkMutationVariables>;
export const ConfirmPasswordDocument = new TypedDocumentString(`
    mutation ConfirmPassword($password: String!, $code: String) {
  confirmPassword(password: $password, code: $code)
}
    `) as unknown as TypedDocumentString<ConfirmPasswordMutation, ConfirmPasswordMutationVariables>;
export const DeleteAccountDocument = new TypedDocumentString(`
    mutation DeleteAccount($password: String!, $code: String, $confirmation: String!) {
  deleteAccount(password: $password, code: $code, confirmation: $confirmation)
}
    `) as unknown as TypedDocumentString<DeleteAccountMutation, DeleteAccountMutationVariables>;
export const ChangePasswordDocument = new TypedDocumentString(`
    mutation ChangePassword($password: String!, $newPassword: String!) {
  changePassword(password: $password, newPassword: $newPassword)
}
    `) as unknown as TypedDocumentString<ChangePasswordMutation, ChangePasswordMutationVariables>;
export const PlansDocument = new TypedDocumentString(`
    query Plans {
  plans {
    name
    isMine
    endsAt
    canStartTrial
    canCheckOut
    opens
  }
}
    `) as unknown as TypedDocumentString<PlansQuery, PlansQueryVariables>;
export const StartTrialDocument = new TypedDocumentString(`
    mutation StartTrial {
  startTrial
}
    `) as unknown as TypedDocumentString<StartTrialMutation, StartTrialMutationVariables>;
export const BeginCheckoutDocument = new TypedDocumentString(`
    mutation BeginCheckout($plan: String!) {
  beginCheckout(plan: $plan)
}
    `) as unknown as TypedDocumentString<BeginCheckoutMutation, BeginCheckoutMutationVariables>;
export const SecurityDocument = new TypedDocumentString(`
    query Security {
  security {
    hasTotp
    recoveryCodesLeft
  }
}
    `) as unknown as TypedDocumentString<SecurityQuery, SecurityQueryVariables>;
export const SessionsDocument = new TypedDocumentString(`
    query Sessions {
  sessions {
    id
    device
    address
    beganAt
    seenAt
    isThisOne
  }
}
    `) as unknown as TypedDocumentString<SessionsQuery, SessionsQueryVariables>;
export const EndSessionDocument = new TypedDocumentString(`
    mutation EndSession($id: ID!) {
  endSession(id: $id)
}
    `) as unknown as TypedDocumentString<EndSessionMutation, EndSessionMutationVariables>;
export const EndOtherSessionsDocument = new TypedDocumentString(`
    mutation EndOtherSessions {
  endOtherSessions
}
    `) as unknown as TypedDocumentString<EndOtherSessionsMutation, EndOtherSessionsMutationVariables>;
export const ChangePreferencesDocument = new TypedDocumentString(`
    mutation ChangePreferences($input: PreferencesInput!) {
  changePreferences(input: $input) {
    zone
  }
}
    `) as unknown as TypedDocumentString<ChangePreferencesMutation, ChangePreferencesMutationVariables>;
export const RequestEmailChangeDocument = new TypedDocumentString(`
    mutation RequestEmailChange($email: String!, $password: String!) {
  requestEmailChange(email: $email, password: $password)
}
    `) as unknown as TypedDocumentString<RequestEmailChangeMutation, RequestEmailChangeMutationVariables>;
export const ApiTokensDocument = new TypedDocumentString(`
    query ApiTokens {
  apiTokens {
    id
    name
    scopes
    createdAt
    expiresAt
    seenAt
  }
}
    `) as unknown as TypedDocumentString<ApiTokensQuery, ApiTokensQueryVariables>;
export const CreateApiTokenDocument = new TypedDocumentString(`
    mutation CreateApiToken($name: String!, $scopes: [ApiScope!]!, $expiresAt: DateTime, $password: String!) {
  createApiToken(
    name: $name
    scopes: $scopes
    expiresAt: $expiresAt
    password: $password
  ) {
    token
  }
}
    `) as unknown as TypedDocumentString<CreateApiTokenMutation, CreateApiTokenMutationVariables>;
export const EndApiTokenDocument = new TypedDocumentString(`
    mutation EndApiToken($id: ID!) {
  endApiToken(id: $id)
}
    `) as unknown as TypedDocumentString<EndApiTokenMutation, EndApiTokenMutationVariables>;
export const BeginTotpDocument = new TypedDocumentString(`
    mutation BeginTotp($password: String!) {
  beginTotp(password: $password) {
    secret
    url
  }
}
    `) as unknown as TypedDocumentString<BeginTotpMutation, BeginTotpMutationVariables>;
export const ConfirmTotpDocument = new TypedDocumentString(`
    mutation ConfirmTotp($code: String!) {
  confirmTotp(code: $code)
}
    `) as unknown as TypedDocumentString<ConfirmTotpMutation, ConfirmTotpMutationVariables>;
export const EndTotpDocument = new TypedDocumentString(`
    mutation EndTotp($password: String!, $code: String!) {
  endTotp(password: $password, code: $code)
}
    `) as unknown as TypedDocumentString<EndTotpMutation, EndTotpMutationVariables>;
export const NewRecoveryCodesDocument = new TypedDocumentString(`
    mutation NewRecoveryCodes($password: String!, $code: String!) {
  newRecoveryCodes(password: $password, code: $code)
}
    `) as unknown as TypedDocumentString<NewRecoveryCodesMutation, NewRecoveryCodesMutationVariables>;
export const OutgoingWebhookDocument = new TypedDocumentString(`
    query OutgoingWebhook {
  outgoingWebhook {
    url
    failingSince
    offAt
    triedAt
    answer
  }
}
    `) as unknown as TypedDocumentString<OutgoingWebhookQuery, OutgoingWebhookQueryVariables>;
export const SetOutgoingWebhookDocument = new TypedDocumentString(`
    mutation SetOutgoingWebhook($url: String!) {
  setOutgoingWebhook(url: $url) {
    secret
  }
}
    `) as unknown as TypedDocumentString<SetOutgoingWebhookMutation, SetOutgoingWebhookMutationVariables>;
export const EndOutgoingWebhookDocument = new TypedDocumentString(`
    mutation EndOutgoingWebhook {
  endOutgoingWebhook
}
    `) as unknown as TypedDocumentString<EndOutgoingWebhookMutation, EndOutgoingWebhookMutationVariables>;
export const TestOutgoingWebhookDocument = new TypedDocumentString(`
    mutation TestOutgoingWebhook {
  testOutgoingWebhook
}
    `) as unknown as TypedDocumentString<TestOutgoingWebhookMutation, TestOutgoingWebhookMutationVariables>;
export const SignUpDocument = new TypedDocumentString(`
    mutation SignUp($email: String!, $password: String!, $zone: String!, $currency: String!) {
  signUp(email: $email, password: $password, zone: $zone, currency: $currency)
}
    `) as unknown as TypedDocumentString<SignUpMutation, SignUpMutationVariables>;
export const ImportProgressDocument = new TypedDocumentString(`
    query ImportProgress {
  importProgress {
    ...Progress
  }
}
    fragment Progress on ImportProgress {
  state
  stage
  hopper
  done
  total
  estimatedEndAt
  beganAt
  finishedAt
  problems {
    hopper
    message
  }
}`) as unknown as TypedDocumentString<ImportProgressQuery, ImportProgressQueryVariables>;
export const ImportProgressChangedDocument = new TypedDocumentString(`
    subscription ImportProgressChanged {
  importProgress {
    ...Progress
  }
}
    fragment Progress on ImportProgress {
  state
  stage
  hopper
  done
  total
  estimatedEndAt
  beganAt
  finishedAt
  problems {
    hopper
    message
  }
}`) as unknown as TypedDocumentString<ImportProgressChangedSubscription, ImportProgressChangedSubscriptionVariables>;
export const HopperNamesDocument = new TypedDocumentString(`
    query HopperNames {
  hoppers {
    id
    name
  }
}
    `) as unknown as TypedDocumentString<HopperNamesQuery, HopperNamesQueryVariables>;
export const RefreshImportDocument = new TypedDocumentString(`
    mutation RefreshImport {
  refreshImport
}
    `) as unknown as TypedDocumentString<RefreshImportMutation, RefreshImportMutationVariables>;