export async function up(knex) {
  await knex.schema.createView('knex_total', (view) => {
    view.columns(['customer', 'total']);
    view.as(knex('knex_order').select('customer').sum('total as total').groupBy('customer'));
  });
  await knex.schema.createMaterializedView('knex_report', (view) => {
    view.as(knex('knex_order').select('customer', 'total'));
  });
  await knex.raw(`CREATE FUNCTION knex_touch() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN new.updated_at := now(); RETURN new; END'`);
  await knex.raw(`CREATE TRIGGER touch BEFORE UPDATE ON knex_customer
    FOR EACH ROW EXECUTE FUNCTION knex_touch()`);
}

export async function down(knex) {
  await knex.raw('DROP FUNCTION knex_touch() CASCADE');
  await knex.schema.dropMaterializedView('knex_report');
  await knex.schema.dropView('knex_total');
}
