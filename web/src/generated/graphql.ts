/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
export type MeQueryVariables = Exact<{ [key: string]: never; }>;


export type MeQuery = { me: { id: string, email: string, zone: string, currency: string } | null };

export type SignInMutationVariables = Exact<{
  email: string;
  password: string;
}>;


export type SignInMutation = { signIn: { id: string, email: string, zone: string, currency: string } };

export type SignOutMutationVariables = Exact<{ [key: string]: never; }>;


export type SignOutMutation = { signOut: boolean };

export type HoppersQueryVariables = Exact<{ [key: string]: never; }>;


export type HoppersQuery = { hoppers: Array<{ id: string, name: string, exchange: string, baseCurrency: string, isPaper: boolean, portfolio: { at: string, value: number, open: number, pricesAt: string | null, assetsAt: string, isFresh: boolean, unpriced: Array<string>, positions: Array<{ id: string }> } | null }> };

export type PortfolioQueryVariables = Exact<{
  id: string | number;
}>;


export type PortfolioQuery = { hopper: { id: string, name: string, exchange: string, baseCurrency: string, isPaper: boolean, portfolio: { at: string, value: number, open: number, pricesAt: string | null, assetsAt: string, isFresh: boolean, unpriced: Array<string>, holdings: Array<{ asset: string, quantity: string, price: number | null, value: number | null }>, positions: Array<{ id: string, pair: string, quantity: string, rate: string, cost: string, openedAt: string | null }> } | null } };

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

export const MeDocument = new TypedDocumentString(`
    query Me {
  me {
    id
    email
    zone
    currency
  }
}
    `) as unknown as TypedDocumentString<MeQuery, MeQueryVariables>;
export const SignInDocument = new TypedDocumentString(`
    mutation SignIn($email: String!, $password: String!) {
  signIn(email: $email, password: $password) {
    id
    email
    zone
    currency
  }
}
    `) as unknown as TypedDocumentString<SignInMutation, SignInMutationVariables>;
export const SignOutDocument = new TypedDocumentString(`
    mutation SignOut {
  signOut
}
    `) as unknown as TypedDocumentString<SignOutMutation, SignOutMutationVariables>;
export const HoppersDocument = new TypedDocumentString(`
    query Hoppers {
  hoppers {
    id
    name
    exchange
    baseCurrency
    isPaper
    portfolio {
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
    query Portfolio($id: ID!) {
  hopper(id: $id) {
    id
    name
    exchange
    baseCurrency
    isPaper
    portfolio {
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