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
    "query Me {\n  me {\n    id\n    email\n    zone\n    currency\n  }\n}\n\nmutation SignIn($email: String!, $password: String!) {\n  signIn(email: $email, password: $password) {\n    id\n    email\n    zone\n    currency\n  }\n}\n\nmutation SignOut {\n  signOut\n}": typeof types.MeDocument,
    "query Hoppers {\n  hoppers {\n    id\n    name\n    exchange\n    baseCurrency\n    isPaper\n    portfolio {\n      at\n      value\n      open\n      pricesAt\n      assetsAt\n      isFresh\n      unpriced\n      positions {\n        id\n      }\n    }\n  }\n}": typeof types.HoppersDocument,
    "query Portfolio($id: ID!) {\n  hopper(id: $id) {\n    id\n    name\n    exchange\n    baseCurrency\n    isPaper\n    portfolio {\n      at\n      value\n      open\n      pricesAt\n      assetsAt\n      isFresh\n      unpriced\n      holdings {\n        asset\n        quantity\n        price\n        value\n      }\n      positions {\n        id\n        pair\n        quantity\n        rate\n        cost\n        openedAt\n      }\n    }\n  }\n}": typeof types.PortfolioDocument,
};
const documents: Documents = {
    "query Me {\n  me {\n    id\n    email\n    zone\n    currency\n  }\n}\n\nmutation SignIn($email: String!, $password: String!) {\n  signIn(email: $email, password: $password) {\n    id\n    email\n    zone\n    currency\n  }\n}\n\nmutation SignOut {\n  signOut\n}": types.MeDocument,
    "query Hoppers {\n  hoppers {\n    id\n    name\n    exchange\n    baseCurrency\n    isPaper\n    portfolio {\n      at\n      value\n      open\n      pricesAt\n      assetsAt\n      isFresh\n      unpriced\n      positions {\n        id\n      }\n    }\n  }\n}": types.HoppersDocument,
    "query Portfolio($id: ID!) {\n  hopper(id: $id) {\n    id\n    name\n    exchange\n    baseCurrency\n    isPaper\n    portfolio {\n      at\n      value\n      open\n      pricesAt\n      assetsAt\n      isFresh\n      unpriced\n      holdings {\n        asset\n        quantity\n        price\n        value\n      }\n      positions {\n        id\n        pair\n        quantity\n        rate\n        cost\n        openedAt\n      }\n    }\n  }\n}": types.PortfolioDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Me {\n  me {\n    id\n    email\n    zone\n    currency\n  }\n}\n\nmutation SignIn($email: String!, $password: String!) {\n  signIn(email: $email, password: $password) {\n    id\n    email\n    zone\n    currency\n  }\n}\n\nmutation SignOut {\n  signOut\n}"): typeof import('./graphql').MeDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Hoppers {\n  hoppers {\n    id\n    name\n    exchange\n    baseCurrency\n    isPaper\n    portfolio {\n      at\n      value\n      open\n      pricesAt\n      assetsAt\n      isFresh\n      unpriced\n      positions {\n        id\n      }\n    }\n  }\n}"): typeof import('./graphql').HoppersDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Portfolio($id: ID!) {\n  hopper(id: $id) {\n    id\n    name\n    exchange\n    baseCurrency\n    isPaper\n    portfolio {\n      at\n      value\n      open\n      pricesAt\n      assetsAt\n      isFresh\n      unpriced\n      holdings {\n        asset\n        quantity\n        price\n        value\n      }\n      positions {\n        id\n        pair\n        quantity\n        rate\n        cost\n        openedAt\n      }\n    }\n  }\n}"): typeof import('./graphql').PortfolioDocument;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
