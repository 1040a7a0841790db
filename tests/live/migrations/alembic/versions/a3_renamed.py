import sqlalchemy as sa
from alembic import op

revision = "a3"
down_revision = "a2"


def balance(column, table):
    op.execute(
        "DROP VIEW alembic_summary; DROP FUNCTION alembic_balance(bigint); "
        "CREATE FUNCTION alembic_balance(bigint) RETURNS numeric LANGUAGE sql STABLE "
        f"AS 'SELECT coalesce(sum({column}), 0) FROM {table} WHERE account = $1'; "
        "CREATE VIEW alembic_summary AS SELECT id, alembic_balance(id) AS balance FROM alembic_account"
    )


def upgrade():
    op.rename_table("alembic_entry", "alembic_posting")
    op.alter_column("alembic_posting", "amount", new_column_name="value", type_=sa.Numeric(14, 2))
    balance("value", "alembic_posting")
    op.execute("CREATE TABLE alembic_copy AS SELECT * FROM alembic_posting")
    op.execute("CREATE TYPE alembic_span AS RANGE (subtype = date)")


def downgrade():
    op.execute("DROP TYPE alembic_span")
    op.drop_table("alembic_copy")
    op.alter_column("alembic_posting", "value", new_column_name="amount", type_=sa.Numeric(12, 2))
    op.rename_table("alembic_posting", "alembic_entry")
    balance("amount", "alembic_entry")
