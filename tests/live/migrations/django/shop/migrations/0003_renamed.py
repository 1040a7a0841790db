from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0002_view")]
    operations = [
        migrations.RenameModel("Basket", "Cart"),
        migrations.AddField("Cart", "count", models.PositiveIntegerField(default=1)),
        migrations.AddIndex("Cart", models.Index(fields=["count"], name="shop_cart_count")),
    ]
