from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "CREATE VIEW shop_cheap AS SELECT * FROM shop_product WHERE price < 10",
            "DROP VIEW shop_cheap",
        ),
    ]
