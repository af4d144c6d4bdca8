/* eslint-disable */
import * as types from './graphql';



/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "query Link {\n  link {\n    state\n    scopes\n    missingScopes\n    linkedAt\n  }\n}\n\nmutation BeginLink {\n  beginLink {\n    authorizeUrl\n  }\n}\n\nmutation CompleteLink($code: String!, $state: String!) {\n  completeLink(code: $code, state: $state) {\n    state\n    scopes\n    missingScopes\n    linkedAt\n  }\n}": typeof types.LinkDocument,
    "fragment Who on User {\n  id\n  email\n  zone\n  currency\n  plan\n  planEndsAt\n  createdAt\n  preferences {\n    zone\n    currency\n    stablecoinDecimals\n    otherDecimals\n    masksAmounts\n    colours\n    notices {\n      about\n      byMail\n      byWebhook\n    }\n  }\n  permissions {\n    resource\n    action\n    effect\n  }\n}\n\nquery Me {\n  me {\n    ...Who\n  }\n}\n\nmutation SignIn($email: String!, $password: String!, $code: String, $device: String) {\n  signIn(email: $email, password: $password, code: $code, device: $device) {\n    expiresAt\n    user {\n      ...Who\n    }\n  }\n}\n\nmutation ConfirmSignUp($token: String!, $password: String!, $device: String) {\n  confirmSignUp(token: $token, password: $password, device: $device) {\n    expiresAt\n    user {\n      ...Who\n    }\n  }\n}\n\nmutation RefreshSession {\n  refreshSession {\n    expiresAt\n  }\n}\n\nmutation SignOut {\n  signOut\n}\n\nsubscription AccountChanged {\n  accountChanged\n}": typeof types.WhoFragmentDoc,
    "mutation ConfirmEmailChange($token: String!) {\n  confirmEmailChange(token: $token)\n}": typeof types.ConfirmEmailChangeDocument,
    "mutation RequestPasswordReset($email: String!) {\n  requestPasswordReset(email: $email)\n}": typeof types.RequestPasswordResetDocument,
    "query Hoppers($live: Boolean!) {\n  hoppers {\n    id\n    name\n    exchange\n    baseCurrency\n    isPaper\n    isLinked\n    portfolio(masked: false) @include(if: $live) {\n      at\n      value\n      open\n      pricesAt\n      assetsAt\n      isFresh\n      unpriced\n      positions {\n        id\n      }\n    }\n  }\n}": typeof types.HoppersDocument,
    "fragment Told on Notice {\n  id\n  about\n  title\n  text\n  hopperId\n  at\n  readAt\n}\n\nquery Notices($after: String) {\n  notices(first: 30, after: $after) {\n    nodes {\n      ...Told\n    }\n    hasMore\n    endCursor\n  }\n}\n\nmutation MarkNoticesRead($until: ID!) {\n  markNoticesRead(until: $until)\n}\n\nsubscription NoticeTold {\n  notices {\n    id\n  }\n}": typeof types.ToldFragmentDoc,
    "query Portfolio($id: ID!, $live: Boolean!) {\n  hopper(id: $id) {\n    id\n    name\n    exchange\n    baseCurrency\n    isPaper\n    portfolio(masked: false) @include(if: $live) {\n      at\n      value\n      open\n      pricesAt\n      assetsAt\n      isFresh\n      unpriced\n      holdings {\n        asset\n        quantity\n        price\n        value\n      }\n      positions {\n        id\n        pair\n        quantity\n        rate\n        cost\n        openedAt\n      }\n    }\n  }\n}": typeof types.PortfolioDocument,
    "mutation ResetPassword($token: String!, $password: String!) {\n  resetPassword(token: $token, password: $password)\n}": typeof types.ResetPasswordDocument,
    "mutation Unlink($password: String!) {\n  unlink(password: $password)\n}": typeof types.UnlinkDocument,
    "mutation ConfirmPassword($password: String!, $code: String) {\n  confirmPassword(password: $password, code: $code)\n}\n\nmutation DeleteAccount($password: String!, $code: String, $confirmation: String!) {\n  deleteAccount(password: $password, code: $code, confirmation: $confirmation)\n}": typeof types.ConfirmPasswordDocument,
    "mutation ChangePassword($password: String!, $newPassword: String!) {\n  changePassword(password: $password, newPassword: $newPassword)\n}": typeof types.ChangePasswordDocument,
    "query Plans {\n  plans {\n    name\n    isMine\n    endsAt\n    canStartTrial\n    canCheckOut\n    opens\n  }\n}\n\nmutation StartTrial {\n  startTrial\n}\n\nmutation BeginCheckout($plan: String!) {\n  beginCheckout(plan: $plan)\n}": typeof types.PlansDocument,
    "query Security {\n  security {\n    hasTotp\n    recoveryCodesLeft\n  }\n}": typeof types.SecurityDocument,
    "query Sessions {\n  sessions {\n    id\n    device\n    address\n    beganAt\n    seenAt\n    isThisOne\n  }\n}\n\nmutation EndSession($id: ID!) {\n  endSession(id: $id)\n}\n\nmutation EndOtherSessions {\n  endOtherSessions\n}": typeof types.SessionsDocument,
    "mutation ChangePreferences($input: PreferencesInput!) {\n  changePreferences(input: $input) {\n    zone\n  }\n}\n\nmutation RequestEmailChange($email: String!, $password: String!) {\n  requestEmailChange(email: $email, password: $password)\n}": typeof types.ChangePreferencesDocument,
    "query ApiTokens {\n  apiTokens {\n    id\n    name\n    scopes\n    createdAt\n    expiresAt\n    seenAt\n  }\n}\n\nmutation CreateApiToken($name: String!, $scopes: [ApiScope!]!, $expiresAt: DateTime, $password: String!) {\n  createApiToken(\n    name: $name\n    scopes: $scopes\n    expiresAt: $expiresAt\n    password: $password\n  ) {\n    token\n  }\n}\n\nmutation EndApiToken($id: ID!) {\n  endApiToken(id: $id)\n}": typeof types.ApiTokensDocument,
    "mutation BeginTotp($password: String!) {\n  beginTotp(password: $password) {\n    secret\n    url\n  }\n}\n\nmutation ConfirmTotp($code: String!) {\n  confirmTotp(code: $code)\n}\n\nmutation EndTotp($password: String!, $code: String!) {\n  endTotp(password: $password, code: $code)\n}\n\nmutation NewRecoveryCodes($password: String!, $code: String!) {\n  newRecoveryCodes(password: $password, code: $code)\n}": typeof types.BeginTotpDocument,
    "query OutgoingWebhook {\n  outgoingWebhook {\n    url\n    failingSince\n    offAt\n    triedAt\n    answer\n  }\n}\n\nmutation SetOutgoingWebhook($url: String!) {\n  setOutgoingWebhook(url: $url) {\n    secret\n  }\n}\n\nmutation EndOutgoingWebhook {\n  endOutgoingWebhook\n}\n\nmutation TestOutgoingWebhook {\n  testOutgoingWebhook\n}": typeof types.OutgoingWebhookDocument,
    "mutation SignUp($email: String!, $password: String!, $zone: String!, $currency: String!) {\n  signUp(email: $email, password: $password, zone: $zone, currency: $currency)\n}": typeof types.SignUpDocument,
    "fragment Progress on ImportProgress {\n  state\n  stage\n  hopper\n  done\n  total\n  estimatedEndAt\n  beganAt\n  finishedAt\n  problems {\n    hopper\n    message\n  }\n}\n\nquery ImportProgress {\n  importProgress {\n    ...Progress\n  }\n}\n\nsubscription ImportProgressChanged {\n  importProgress {\n    ...Progress\n  }\n}\n\nquery HopperNames {\n  hoppers {\n    id\n    name\n  }\n}\n\nmutation RefreshImport {\n  refreshImport\n}": typeof types.ProgressFragmentDoc,
};
const documents: Documents = {
    "query Link {\n  link {\n    state\n    scopes\n    missingScopes\n    linkedAt\n  }\n}\n\nmutation BeginLink {\n  beginLink {\n    authorizeUrl\n  }\n}\n\nmutation CompleteLink($code: String!, $state: String!) {\n  completeLink(code: $code, state: $state) {\n    state\n    scopes\n    missingScopes\n    linkedAt\n  }\n}": types.LinkDocument,
    "fragment Who on User {\n  id\n  email\n  zone\n  currency\n  plan\n  planEndsAt\n  createdAt\n  preferences {\n    zone\n    currency\n    stablecoinDecimals\n    otherDecimals\n    masksAmounts\n    colours\n    notices {\n      about\n      byMail\n      byWebhook\n    }\n  }\n  permissions {\n    resource\n    action\n    effect\n  }\n}\n\nquery Me {\n  me {\n    ...Who\n  }\n}\n\nmutation SignIn($email: String!, $password: String!, $code: String, $device: String) {\n  signIn(email: $email, password: $password, code: $code, device: $device) {\n    expiresAt\n    user {\n      ...Who\n    }\n  }\n}\n\nmutation ConfirmSignUp($token: String!, $password: String!, $device: String) {\n  confirmSignUp(token: $token, password: $password, device: $device) {\n    expiresAt\n    user {\n      ...Who\n    }\n  }\n}\n\nmutation RefreshSession {\n  refreshSession {\n    expiresAt\n  }\n}\n\nmutation SignOut {\n  signOut\n}\n\nsubscription AccountChanged {\n  accountChanged\n}": types.WhoFragmentDoc,
    "mutation ConfirmEmailChange($token: String!) {\n  confirmEmailChange(token: $token)\n}": types.ConfirmEmailChangeDocument,
    "mutation RequestPasswordReset($email: String!) {\n  requestPasswordReset(email: $email)\n}": types.RequestPasswordResetDocument,
    "query Hoppers($live: Boolean!) {\n  hoppers {\n    id\n    name\n    exchange\n    baseCurrency\n    isPaper\n    isLinked\n    portfolio(masked: false) @include(if: $live) {\n      at\n      value\n      open\n      pricesAt\n      assetsAt\n      isFresh\n      unpriced\n      positions {\n        id\n      }\n    }\n  }\n}": types.HoppersDocument,
    "fragment Told on Notice {\n  id\n  about\n  title\n  text\n  hopperId\n  at\n  readAt\n}\n\nquery Notices($after: String) {\n  notices(first: 30, after: $after) {\n    nodes {\n      ...Told\n    }\n    hasMore\n    endCursor\n  }\n}\n\nmutation MarkNoticesRead($until: ID!) {\n  markNoticesRead(until: $until)\n}\n\nsubscription NoticeTold {\n  notices {\n    id\n  }\n}": types.ToldFragmentDoc,
    "query Portfolio($id: ID!, $live: Boolean!) {\n  hopper(id: $id) {\n    id\n    name\n    exchange\n    baseCurrency\n    isPaper\n    portfolio(masked: false) @include(if: $live) {\n      at\n      value\n      open\n      pricesAt\n      assetsAt\n      isFresh\n      unpriced\n      holdings {\n        asset\n        quantity\n        price\n        value\n      }\n      positions {\n        id\n        pair\n        quantity\n        rate\n        cost\n        openedAt\n      }\n    }\n  }\n}": types.PortfolioDocument,
    "mutation ResetPassword($token: String!, $password: String!) {\n  resetPassword(token: $token, password: $password)\n}": types.ResetPasswordDocument,
    "mutation Unlink($password: String!) {\n  unlink(password: $password)\n}": types.UnlinkDocument,
    "mutation ConfirmPassword($password: String!, $code: String) {\n  confirmPassword(password: $password, code: $code)\n}\n\nmutation DeleteAccount($password: String!, $code: String, $confirmation: String!) {\n  deleteAccount(password: $password, code: $code, confirmation: $confirmation)\n}": types.ConfirmPasswordDocument,
    "mutation ChangePassword($password: String!, $newPassword: String!) {\n  changePassword(password: $password, newPassword: $newPassword)\n}": types.ChangePasswordDocument,
    "query Plans {\n  plans {\n    name\n    isMine\n    endsAt\n    canStartTrial\n    canCheckOut\n    opens\n  }\n}\n\nmutation StartTrial {\n  startTrial\n}\n\nmutation BeginCheckout($plan: String!) {\n  beginCheckout(plan: $plan)\n}": types.PlansDocument,
    "query Security {\n  security {\n    hasTotp\n    recoveryCodesLeft\n  }\n}": types.SecurityDocument,
    "query Sessions {\n  sessions {\n    id\n    device\n    address\n    beganAt\n    seenAt\n    isThisOne\n  }\n}\n\nmutation EndSession($id: ID!) {\n  endSession(id: $id)\n}\n\nmutation EndOtherSessions {\n  endOtherSessions\n}": types.SessionsDocument,
    "mutation ChangePreferences($input: PreferencesInput!) {\n  changePreferences(input: $input) {\n    zone\n  }\n}\n\nmutation RequestEmailChange($email: String!, $password: String!) {\n  requestEmailChange(email: $email, password: $password)\n}": types.ChangePreferencesDocument,
    "query ApiTokens {\n  apiTokens {\n    id\n    name\n    scopes\n    createdAt\n    expiresAt\n    seenAt\n  }\n}\n\nmutation CreateApiToken($name: String!, $scopes: [ApiScope!]!, $expiresAt: DateTime, $password: String!) {\n  createApiToken(\n    name: $name\n    scopes: $scopes\n    expiresAt: $expiresAt\n    password: $password\n  ) {\n    token\n  }\n}\n\nmutation EndApiToken($id: ID!) {\n  endApiToken(id: $id)\n}": types.ApiTokensDocument,
    "mutation BeginTotp($password: String!) {\n  beginTotp(password: $password) {\n    secret\n    url\n  }\n}\n\nmutation ConfirmTotp($code: String!) {\n  confirmTotp(code: $code)\n}\n\nmutation EndTotp($password: String!, $code: String!) {\n  endTotp(password: $password, code: $code)\n}\n\nmutation NewRecoveryCodes($password: String!, $code: String!) {\n  newRecoveryCodes(password: $password, code: $code)\n}": types.BeginTotpDocument,
    "query OutgoingWebhook {\n  outgoingWebhook {\n    url\n    failingSince\n    offAt\n    triedAt\n    answer\n  }\n}\n\nmutation SetOutgoingWebhook($url: String!) {\n  setOutgoingWebhook(url: $url) {\n    secret\n  }\n}\n\nmutation EndOutgoingWebhook {\n  endOutgoingWebhook\n}\n\nmutation TestOutgoingWebhook {\n  testOutgoingWebhook\n}": types.OutgoingWebhookDocument,
    "mutation SignUp($email: String!, $password: String!, $zone: String!, $currency: String!) {\n  signUp(email: $email, password: $password, zone: $zone, currency: $currency)\n}": types.SignUpDocument,
    "fragment Progress on ImportProgress {\n  state\n  stage\n  hopper\n  done\n  total\n  estimatedEndAt\n  beganAt\n  finishedAt\n  problems {\n    hopper\n    message\n  }\n}\n\nquery ImportProgress {\n  importProgress {\n    ...Progress\n  }\n}\n\nsubscription ImportProgressChanged {\n  importProgress {\n    ...Progress\n  }\n}\n\nquery HopperNames {\n  hoppers {\n    id\n    name\n  }\n}\n\nmutation RefreshImport {\n  refreshImport\n}": types.ProgressFragmentDoc,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Link {\n  link {\n    state\n    scopes\n    missingScopes\n    linkedAt\n  }\n}\n\nmutation BeginLink {\n  beginLink {\n    authorizeUrl\n  }\n}\n\nmutation CompleteLink($code: String!, $state: String!) {\n  completeLink(code: $code, state: $state) {\n    state\n    scopes\n    missingScopes\n    linkedAt\n  }\n}"): typeof import('./graphql').LinkDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "fragment Who on User {\n  id\n  email\n  zone\n  currency\n  plan\n  planEndsAt\n  createdAt\n  preferences {\n    zone\n    currency\n    stablecoinDecimals\n    otherDecimals\n    masksAmounts\n    colours\n    notices {\n      about\n      byMail\n      byWebhook\n    }\n  }\n  permissions {\n    resource\n    action\n    effect\n  }\n}\n\nquery Me {\n  me {\n    ...Who\n  }\n}\n\nmutation SignIn($email: String!, $password: String!, $code: String, $device: String) {\n  signIn(email: $email, password: $password, code: $code, device: $device) {\n    expiresAt\n    user {\n      ...Who\n    }\n  }\n}\n\nmutation ConfirmSignUp($token: String!, $password: String!, $device: String) {\n  confirmSignUp(token: $token, password: $password, device: $device) {\n    expiresAt\n    user {\n      ...Who\n    }\n  }\n}\n\nmutation RefreshSession {\n  refreshSession {\n    expiresAt\n  }\n}\n\nmutation SignOut {\n  signOut\n}\n\nsubscription AccountChanged {\n  accountChanged\n}"): typeof import('./graphql').WhoFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation ConfirmEmailChange($token: String!) {\n  confirmEmailChange(token: $token)\n}"): typeof import('./graphql').ConfirmEmailChangeDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RequestPasswordReset($email: String!) {\n  requestPasswordReset(email: $email)\n}"): typeof import('./graphql').RequestPasswordResetDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Hoppers($live: Boolean!) {\n  hoppers {\n    id\n    name\n    exchange\n    baseCurrency\n    isPaper\n    isLinked\n    portfolio(masked: false) @include(if: $live) {\n      at\n      value\n      open\n      pricesAt\n      assetsAt\n      isFresh\n      unpriced\n      positions {\n        id\n      }\n    }\n  }\n}"): typeof import('./graphql').HoppersDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "fragment Told on Notice {\n  id\n  about\n  title\n  text\n  hopperId\n  at\n  readAt\n}\n\nquery Notices($after: String) {\n  notices(first: 30, after: $after) {\n    nodes {\n      ...Told\n    }\n    hasMore\n    endCursor\n  }\n}\n\nmutation MarkNoticesRead($until: ID!) {\n  markNoticesRead(until: $until)\n}\n\nsubscription NoticeTold {\n  notices {\n    id\n  }\n}"): typeof import('./graphql').ToldFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Portfolio($id: ID!, $live: Boolean!) {\n  hopper(id: $id) {\n    id\n    name\n    exchange\n    baseCurrency\n    isPaper\n    portfolio(masked: false) @include(if: $live) {\n      at\n      value\n      open\n      pricesAt\n      assetsAt\n      isFresh\n      unpriced\n      holdings {\n        asset\n        quantity\n        price\n        value\n      }\n      positions {\n        id\n        pair\n        quantity\n        rate\n        cost\n        openedAt\n      }\n    }\n  }\n}"): typeof import('./graphql').PortfolioDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation ResetPassword($token: String!, $password: String!) {\n  resetPassword(token: $token, password: $password)\n}"): typeof import('./graphql').ResetPasswordDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Unlink($password: String!) {\n  unlink(password: $password)\n}"): typeof import('./graphql').UnlinkDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation ConfirmPassword($password: String!, $code: String) {\n  confirmPassword(password: $password, code: $code)\n}\n\nmutation DeleteAccount($password: String!, $code: String, $confirmation: String!) {\n  deleteAccount(password: $password, code: $code, confirmation: $confirmation)\n}"): typeof import('./graphql').ConfirmPasswordDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation ChangePassword($password: String!, $newPassword: String!) {\n  changePassword(password: $password, newPassword: $newPassword)\n}"): typeof import('./graphql').ChangePasswordDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Plans {\n  plans {\n    name\n    isMine\n    endsAt\n    canStartTrial\n    canCheckOut\n    opens\n  }\n}\n\nmutation StartTrial {\n  startTrial\n}\n\nmutation BeginCheckout($plan: String!) {\n  beginCheckout(plan: $plan)\n}"): typeof import('./graphql').PlansDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Security {\n  security {\n    hasTotp\n    recoveryCodesLeft\n  }\n}"): typeof import('./graphql').SecurityDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Sessions {\n  sessions {\n    id\n    device\n    address\n    beganAt\n    seenAt\n    isThisOne\n  }\n}\n\nmutation EndSession($id: ID!) {\n  endSession(id: $id)\n}\n\nmutation EndOtherSessions {\n  endOtherSessions\n}"): typeof import('./graphql').SessionsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation ChangePreferences($input: PreferencesInput!) {\n  changePreferences(input: $input) {\n    zone\n  }\n}\n\nmutation RequestEmailChange($email: String!, $password: String!) {\n  requestEmailChange(email: $email, password: $password)\n}"): typeof import('./graphql').ChangePreferencesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query ApiTokens {\n  apiTokens {\n    id\n    name\n    scopes\n    createdAt\n    expiresAt\n    seenAt\n  }\n}\n\nmutation CreateApiToken($name: String!, $scopes: [ApiScope!]!, $expiresAt: DateTime, $password: String!) {\n  createApiToken(\n    name: $name\n    scopes: $scopes\n    expiresAt: $expiresAt\n    password: $password\n  ) {\n    token\n  }\n}\n\nmutation EndApiToken($id: ID!) {\n  endApiToken(id: $id)\n}"): typeof import('./graphql').ApiTokensDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation BeginTotp($password: String!) {\n  beginTotp(password: $password) {\n    secret\n    url\n  }\n}\n\nmutation ConfirmTotp($code: String!) {\n  confirmTotp(code: $code)\n}\n\nmutation EndTotp($password: String!, $code: String!) {\n  endTotp(password: $password, code: $code)\n}\n\nmutation NewRecoveryCodes($password: String!, $code: String!) {\n  newRecoveryCodes(password: $password, code: $code)\n}"): typeof import('./graphql').BeginTotpDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query OutgoingWebhook {\n  outgoingWebhook {\n    url\n    failingSince\n    offAt\n    triedAt\n    answer\n  }\n}\n\nmutation SetOutgoingWebhook($url: String!) {\n  setOutgoingWebhook(url: $url) {\n    secret\n  }\n}\n\nmutation EndOutgoingWebhook {\n  endOutgoingWebhook\n}\n\nmutation TestOutgoingWebhook {\n  testOutgoingWebhook\n}"): typeof import('./graphql').OutgoingWebhookDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation SignUp($email: String!, $password: String!, $zone: String!, $currency: String!) {\n  signUp(email: $email, password: $password, zone: $zone, currency: $currency)\n}"): typeof import('./graphql').SignUpDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "fragment Progress on ImportProgress {\n  state\n  stage\n  hopper\n  done\n  total\n  estimatedEndAt\n  beganAt\n  finishedAt\n  problems {\n    hopper\n    message\n  }\n}\n\nquery ImportProgress {\n  importProgress {\n    ...Progress\n  }\n}\n\nsubscription ImportProgressChanged {\n  importProgress {\n    ...Progress\n  }\n}\n\nquery HopperNames {\n  hoppers {\n    id\n    name\n  }\n}\n\nmutation RefreshImport {\n  refreshImport\n}"): typeof import('./graphql').ProgressFragmentDoc;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
