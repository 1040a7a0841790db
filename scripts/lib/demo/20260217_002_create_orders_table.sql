create table "orders" (
  "id" uuid default gen_random_uuid(),
  "user_id" uuid not null,
  "total_amount" decimal(10, 2) not null,
  "status" text check ("status" in ('pending', 'processing', 'shipped', 'delivered', 'cancelled')) default 'pending',
  "metadata" jsonb default '{}',
  "created_at" timestamptz default CURRENT_TIMESTAMP,
  "updated_at" timestamptz default CURRENT_TIMESTAMP,
  constraint "orders_pkey" primary key ("id")
);
alter table "orders" add constraint "orders_user_id_foreign" foreign key ("user_id") references "users" ("id");
CREATE INDEX idx_orders_user_id ON orders (user_id);
CREATE INDEX idx_orders_status ON orders (status);
