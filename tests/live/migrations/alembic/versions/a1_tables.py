import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "a1"
down_revision = None


def upgrade():
    op.create_table(
        "alembic_account",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("kind", sa.Enum("private", "business", name="alembic_kind"), server_default="private"),
        sa.Column("tags", postgresql.ARRAY(sa.Text), server_default="{}"),
        sa.Column("shout", sa.Text, sa.Computed("upper(owner)", persisted=True)),
    )
    op.create_table(
        "alembic_entry",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account", sa.BigInteger, sa.ForeignKey("alembic_account.id")),
        sa.Column("amount", sa.Numeric(12, 2)),
    )


def downgrade():
    op.drop_table("alembic_entry")
    op.drop_table("alembic_account")
    op.execute("DROP TYPE alembic_kind")
