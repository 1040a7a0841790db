export async function up(knex) {
  await knex.schema.createTable('knex_customer', (table) => {
    table.increments();
    table.string('email').notNullable().unique();
    table.enu('state', ['new', 'known'], { useNative: true, enumName: 'knex_state' });
    table.jsonb('facts').defaultTo('{}');
    table.timestamps(true, true);
  });
  await knex.schema.createTable('knex_order', (table) => {
    table.bigIncrements();
    table.integer('customer').references('knex_customer.id').onDelete('CASCADE');
    table.decimal('total', 10, 2);
  });
}

export async function down(knex) {
  await knex.schema.dropTable('knex_order');
  await knex.schema.dropTable('knex_customer');
  await knex.raw('DROP TYPE knex_state');
}
