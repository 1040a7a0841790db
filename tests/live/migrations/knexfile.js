// Stands beside node_modules when it is used: knex looks for itself from here.
module.exports = {
  client: 'pg',
  connection: process.env.DATABASE_URL,
  migrations: { directory: process.env.MIGRATIONS, loadExtensions: ['.mjs'] },
};
