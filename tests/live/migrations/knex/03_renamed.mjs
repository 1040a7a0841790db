export async function up(knex) {
  await knex.schema.renameTable('knex_order', 'knex_purchase');
  await knex.schema.alterTable('knex_purchase', (table) => {
    table.renameColumn('total', 'amount');
    table.uuid('reference').defaultTo(knex.raw('gen_random_uuid()'));
    table.index(['customer']);
  });
  await knex.raw('CREATE TABLE knex_event (at date NOT NULL, what text) PARTITION BY RANGE (at)');
  await knex.raw(`CREATE TABLE knex_event_2026 PARTITION OF knex_event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')`);
}

export async function down(knex) {
  await knex.schema.dropTable('knex_event');
  await knex.schema.alterTable('knex_purchase', (table) => {
    table.dropIndex(['customer']);
    table.dropColumn('reference');
    table.renameColumn('amount', 'total');
  });
  await knex.schema.renameTable('knex_purchase', 'knex_order');
}
