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


export type HoppersQuery = { hoppers: Array<{ id: string, name: string, exchange: string, baseCurrency: string, isPaper: boolean, portfolio?: { at: string, value: number, open: number, pricesAt: string | null, assetsAt: string, isFresh: boolean, unpriced: Array<string>, positions: Array<{ id: string }> } | null }> };

export type PortfolioQueryVariables = Exact<{
  id: string | number;
  live: boolean;
}>;


export type PortfolioQuery = { hopper: { id: string, name: string, exchange: string, baseCurrency: string, isPaper: boolean, portfolio?: { at: string, value: number, open: number, pricesAt: string | null, assetsAt: string, isFresh: boolean, unpriced: Array<string>, holdings: Array<{ asset: string, quantity: string, price: number | null, value: number | null }>, positions: Array<{ id: string, pair: string, quantity: string, rate: string, cost: string, openedAt: string | null }> } | null } };

export type ResetPasswordMutationVariables = Exact<{
  token: string;
  password: string;
}>;


export type ResetPasswordMutation = { resetPassword: boolean };

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

export type SignUpMutationVariables = Exact<{
  email: string;
  password: string;
  zone: string;
  currency: string;
}>;


export type SignUpMutation = { signUp: boolean };

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
    portfolio @include(if: $live) {
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
export const PortfolioDocument = new TypedDocumentString(`
    query Portfolio($id: ID!, $live: Boolean!) {
  hopper(id: $id) {
    id
    name
    exchange
    baseCurrency
    isPaper
    portfolio @include(if: $live) {
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
export const SignUpDocument = new TypedDocumentString(`
    mutation SignUp($email: String!, $password: String!, $zone: String!, $currency: String!) {
  signUp(email: $email, password: $password, zone: $zone, currency: $currency)
}
    `) as unknown as TypedDocumentString<SignUpMutation, SignUpMutationVariables>;