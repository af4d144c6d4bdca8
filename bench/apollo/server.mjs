// Apollo Server over the tables of the API, as its documentation shows it: what `python -m bench graphql` measures against.
// It serves the API's own schema and answers the two operations of the bench; nobody is asked who he is or what he may.
// node server.mjs SCHEMA-FILE DATABASE-URL CONNECTIONS DASHBOARD-FILE first|again; prints its port.
//
// Of the list, it asks for one page by one statement. Of the dashboard, DASHBOARD-FILE holds the statements that the API
// sends for it, with their values, when it is asked first and when it is asked again, and what it answers: they are sent
// here, too, all at once, and their rows are read; the figures are not computed from them, but told as they stand in the
// file. With those of "again", which are few since the API keeps sums, this server could not know the answer: that is the
// bare limit.
import { readFileSync } from 'node:fs';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { GraphQLScalarType } from 'graphql';
import pg from 'pg';

const [schema, connectionString, connections, file, when] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString, max: Number(connections) });
const dashboard = JSON.parse(readFileSync(file, 'utf8'));

// numeric comes from pg as text, exact, and goes out as it is; moments as text of ISO 8601, of UTC
const Decimal = new GraphQLScalarType({ name: 'Decimal', serialize: (value) => value });
const DateTime = new GraphQLScalarType({
  name: 'DateTime',
  serialize: (value) => (value instanceof Date ? value.toISOString() : value),
});

const TRADES = `
  SELECT t.hopper_id AS "hopperId", t.trade_id AS id, t.at, t.exchange, t.base AS coin, t.quote,
         CASE t.side WHEN 1 THEN 'BUY' ELSE 'SELL' END AS side, t.quantity, t.rate, t.total, t.fee,
         t.fee_currency AS "feeCurrency", t.trigger, t.strategy, t.result, r.net
    FROM trades t LEFT JOIN trade_results r ON r.hopper_id = t.hopper_id AND r.trade_id = t.trade_id
   WHERE t.hopper_id = $1 ORDER BY t.at DESC, t.trade_id DESC LIMIT $2`;

// a statement is prepared once and its plan kept, but where the API has it planned for its values
const asked = dashboard[when].map(({ text, values }, number) => ({ name: `dashboard ${number}`, text, values }),
);

const resolvers = {
  Decimal,
  DateTime,
  Query: {
    trades: async (_, { hopperIds, first }) => {
      const { rows } = await pool.query({ name: 'trades', text: TRADES, values: [hopperIds[0], first + 1] });
      return { nodes: rows.slice(0, first), hasMore: rows.length > first };
    },
    analytics: async () => {
      await Promise.all(asked.map((one) => pool.query(one)));
      return dashboard.answer;
    },
  },
};

const server = new ApolloServer({ typeDefs: readFileSync(schema, 'utf8'), resolvers, introspection: false });
const { url } = await startStandaloneServer(server, { listen: { host: '127.0.0.1', port: 0 } });
console.log(`PORT ${new URL(url).port}`);
