from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [("auth", "0012_alter_user_first_name_max_length")]
    operations = [
        migrations.CreateModel(
            "Product",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("name", models.CharField(max_length=80, unique=True)),
                ("price", models.DecimalField(max_digits=8, decimal_places=2)),
                ("buyers", models.ManyToManyField("auth.User")),
            ],
        ),
        migrations.CreateModel(
            "Basket",
            [
                ("id", models.UUIDField(primary_key=True)),
                ("product", models.ForeignKey("shop.Product", on_delete=models.CASCADE)),
                ("facts", models.JSONField(default=dict)),
            ],
        ),
    ]
